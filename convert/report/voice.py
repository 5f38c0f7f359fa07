"""The report's section on the voice protocols, counted from the answers that are kept in docs/answers."""

from functools import partial
from pathlib import Path

import numpy as np

from convert.evaluation.metrics import Metric, accuracy, calibration_error, estimate, fit_temperature, recall
from convert.evaluation.predictions import Predictions, Strings, concatenate
from convert.report.tables import format_calibration, format_confusion, format_table
from convert.voice.ensemble_weights import Exponents, cross_fit, fit_pair, join_by_halves, multiply
from convert.voice.novelty import WIDTH, load_distances
from convert.voice.protocols import SPEAKERS_PER_FOLD, WORD_RUNS
from convert.voice.saved_predictions import Join, VoicePredictions, load_runs, load_voice_predictions
from device.emotions import softmax
from device.errors import MediaError
from device.perception.voice.novelty import likeness

CORPUS = {"ravdess_speech": "RAVDESS speech", "ravdess_song": "RAVDESS song", "tess": "TESS", "savee": "SAVEE"}


def fold_number(p: Predictions) -> Strings:
    """(n,): the fold of each row: four actors of RAVDESS, or one speaker of the others."""
    speakers = [group.split()[0] for group in p.groups.tolist()]
    return np.array([f"{(int(s[3:]) - 1) // SPEAKERS_PER_FOLD}" if s.startswith("RAV") else s for s in speakers])


def _by_folds(first: Predictions, second: Predictions) -> Predictions:
    return cross_fit(first, second, fold_number(first))


def _by_sex(p: Predictions, metric: Metric) -> str:
    sexes = np.array([group.split()[-1] for group in p.groups.tolist()])
    return ", ".join(
        f"{name} {metric(p.prediction[sexes == s], p.truth[sexes == s]):.1f}"
        for s, name in (("F", "women"), ("M", "men"))
        if (sexes == s).any()
    )


def _mean_of_folds(p: Predictions) -> str:
    folds = fold_number(p)
    scores = [recall(q.prediction, q.truth) for fold in np.unique(folds) for q in [p.select(folds == fold)]]
    return f"{np.mean(scores):.1f} ± {np.std(scores):.1f}"


_WORDS = """## Voices: the recipes under the protocols of others

One pair of networks a fold, never chosen by those it is tested on (the last epoch is taken); int8. The prosodic
network of a protocol learns from that corpus alone, the one that sees pictures from all. *Both*: their probabilities,
to powers fitted on the other folds, multiplied; for random splits fitted on every other clip, across corpora on the
shipped pair's validation and on the two other left-out corpora, neither with a clip of the corpus that is asked about.
*Heard before*: it has listened to the speaker's test clips once, in an order of chance and without their labels, as it
listens to a household; who compares with networks that do not should read *strangers*. Networks of pictures learn for
48 epochs; that for random splits for 160, half the time from clips as they are, the shipped one so for 110. (The
random split was asked after 110 too, before its validation chose 160: both, heard before, 79.2 for speech.) Across
corpora both
networks draw from each corpus alike, and the prosodic one learns, as the shipped one does, half from the labels and
half from what a support vector machine says of voices that it knows (`convert/voice/svm.py`). *Taught for
it*: from the machine alone, and from speech alone, not from song. All this was decided with a look at these very rows
(without song SAVEE gained three points and TESS lost six) and at the shipped pair's validation, which the machine
alone would cost five points: read the other rows for what is shipped. How sure a pair is depends on how
far an utterance lies from all that it learnt from (`python -m convert distances`, then `pair`), of voices that it has
*heard before* how far theirs do together: near ones have one pair of powers, far ones another, fitted half on
validation and half on left-out corpora. Across corpora the *calibration error* is of a corpus that these powers were
not fitted on (though how distance is measured was chosen on all three): of people recorded otherwise, in other
sentences, the pair still is not as sure as it is right. TESS has two speakers: its intervals are those of the two.
Again: `python -m convert train NAME`, NAME being voice-fold-1 … -6, voice-random, voice-without-savee, -tess, -ravdess
and the same and more with prosody- and prosody-taught- (`train --help` lists all), then
`python -m convert benchmark`."""

_SPOKEN = """What is said tells SAVEE's emotions without a network: the four men say the same sentences, most of them in
one emotion alone. *The words*: each clip is read by the training clips of the other men that its words are nearest to,
by dynamic time warping (`convert/voice/lexical_baseline.py`); that is no network, and not shipped. *Together* with both
networks, heard before, as these are joined above. Who compares numbers on SAVEE compares such ones:"""


def protocols(answers: Path, temperatures: Exponents) -> str:
    """The section on those never heard, counted from the kept `answers`; `temperatures` are the voice cards'."""

    def as_shipped(left_out: str, corpus: str) -> tuple[Join, Join]:
        """With the powers that the shipped pair would have, had nobody ever been asked about this corpus."""
        powers = fit_pair(answers, temperatures, without=left_out)

        def joined(seen: Predictions, heard: Predictions, *, known: bool) -> Predictions:
            distance = load_distances(answers / f"distance-without-{left_out}-{corpus}.npz").select(seen, known=known)
            like_learnt = likeness(distance, powers.half_at, WIDTH)
            own = powers.known if known else powers.strangers
            return multiply(seen, heard, own, temperatures, like_learnt)

        return partial(joined, known=False), partial(joined, known=True)

    def asked(
        pictures: str, prosodies: str, corpus: str, joined: Join | tuple[Join, Join], kind: str = ""
    ) -> VoicePredictions:
        found = load_voice_predictions(answers, pictures, prosodies, corpus, joined, kind)
        if found.known is None:
            raise MediaError(f"{answers}: no answers of {prosodies}* for {corpus}: python -m convert benchmark")
        return found

    speech = asked("voice-fold", "prosody-fold", "ravdess_speech", _by_folds)
    song = asked("voice-fold", "prosody-fold", "ravdess_song", _by_folds)
    exact = asked("voice-fold", "prosody-fold", "ravdess_speech", _by_folds, "-float")
    savee, tess = (asked("voice-fold", f"prosody-{corpus}", corpus, _by_folds) for corpus in ("savee", "tess"))
    never = [
        ("RAVDESS speech, 8 classes, 6 folds of 4, UAR", _row(speech, recall, by_speaker=True)),
        ("RAVDESS song, 6 classes, the same folds, UAR", _row(song, recall, by_speaker=True)),
        ("SAVEE, 7 classes, one speaker out, UAR", _row(savee, recall, by_speaker=True)),
        ("TESS, 7 classes, the other woman, UAR", _row(tess, recall, by_speaker=True)),
    ]
    across = []
    for corpus in ("savee", "tess", "ravdess_speech"):
        left_out = corpus.split("_")[0]
        joined = as_shipped(left_out, corpus)
        others, taught = (
            asked(f"voice-without-{left_out}", f"prosody-{kind}without-{left_out}", corpus, joined)
            for kind in ("", "taught-")
        )
        across += [
            (f"{CORPUS[corpus]}, UAR; trained on the others", _row(others, recall, by_speaker=True)),
            ("… its expected calibration error", _sureness(others)),
            (f"… {CORPUS[corpus]}, taught for it", _row(taught, recall, by_speaker=True)),
        ]
    drawn = {
        corpus: asked("voice-random", f"prosody-random-{own}", corpus, join_by_halves)
        for corpus in CORPUS
        for own in [corpus.split("_")[0]]
    }
    randoms = [
        ("RAVDESS speech, 8 classes, accuracy", _row(drawn["ravdess_speech"], accuracy)),
        ("RAVDESS speech and song, accuracy", _row(_both(drawn["ravdess_speech"], drawn["ravdess_song"]), accuracy)),
        ("TESS, accuracy", _row(drawn["tess"], accuracy)),
        ("SAVEE, accuracy", _row(drawn["savee"], accuracy)),
    ]
    spoken = [
        ("random 60/20/20, accuracy", _with_words(answers, "words-random", drawn["savee"], join_by_halves, accuracy)),
        ("one speaker out, UAR", _with_words(answers, "words-savee", savee, _by_folds, recall)),
    ]
    columns = (
        "the picture alone",
        "prosody, strangers",
        "both, strangers",
        "prosody, heard before",
        "both, heard before",
    )
    best, floating = speech.both_known or speech.known, exact.both_known or exact.known
    assert best is not None
    assert floating is not None
    details: list[tuple[str, object]] = [
        ("mean of the six folds ± their deviation", _mean_of_folds(best)),
        ("by sex", _by_sex(best, recall)),
        ("float instead of int8: points lost", f"{_uar(floating) - _uar(best):+.2f}"),
        ("expected calibration error, the temperature fitted on the other speakers", _calibration(best)),
        *((f"SAVEE, each man, {words}", ", ".join(_each(p))) for words, p in _told(savee)),
        *((f"TESS, each woman, {words}", ", ".join(_each(p))) for words, p in _told(tess)),
    ]
    return (
        f"{_WORDS}\n\n"
        + format_table(
            ("speakers never trained on, per cent; intervals over *speakers*", *columns),
            [(name, *row) for name, row in never],
        )
        + "\n"
        + format_table(
            ("corpora never trained on, per cent; intervals over *speakers*", *columns),
            [(name, *row) for name, row in across],
        )
        + "\n"
        + format_table(
            ("random 60/20/20: the same speakers, other clips, per cent; intervals over clips", *columns),
            [(name, *row) for name, row in randoms],
        )
        + f"\n{_SPOKEN}\n\n"
        + format_table(
            (
                "SAVEE, 7 classes, per cent; intervals over clips",
                "the words alone",
                "both networks, heard before",
                "together",
            ),
            [(name, *row) for name, row in spoken],
        )
        + "\n"
        + format_table(("RAVDESS speech, both, heard before", "per cent"), details)
        + "\nRAVDESS speech by emotion, the six folds together, both networks, heard before:\n\n"
        + format_confusion(best)
    )


def _row(found: VoicePredictions, metric: Metric, *, by_speaker: bool = False) -> list[str]:
    """One cell a way, with its interval; a dash where that network was not asked."""
    asked = (found.picture, found.stranger, found.both_stranger, found.known, found.both_known)
    return ["–" if p is None else str(estimate(metric, p, by_group=by_speaker)) for p in asked]


def _sureness(found: VoicePredictions) -> list[str]:
    """The calibration error of both networks together, whose powers are the shipped pair's; dashes for one alone."""
    concatenate = (None, None, found.both_stranger, None, found.both_known)
    return ["–" if p is None else f"{calibration_error(softmax(p.logits), p.truth):.1f}" for p in concatenate]


def _with_words(answers: Path, runs: str, found: VoicePredictions, joined: Join, metric: Metric) -> list[str]:
    """The words alone, both networks, heard before, and all together."""
    words = load_runs(WORD_RUNS, runs, answers, "savee")
    if words is None or found.both_known is None:
        raise MediaError(f"{answers}: no answers of {runs}* for savee: python -m convert benchmark")
    return [str(estimate(metric, p)) for p in (words, found.both_known, joined(found.both_known, words))]


def _told(found: VoicePredictions) -> list[tuple[str, Predictions]]:
    named = (("strangers", found.both_stranger or found.stranger), ("heard before", found.both_known or found.known))
    return [(words, p) for words, p in named if p is not None]


def _both(speech: VoicePredictions, song: VoicePredictions) -> VoicePredictions:
    """RAVDESS's two halves as one. Song has no disgust and no surprise: the classes are speech's."""

    def one(a: Predictions | None, b: Predictions | None) -> Predictions | None:
        return None if a is None or b is None else concatenate([a, b])

    names = ("picture", "stranger", "known", "both_stranger", "both_known")
    return VoicePredictions(*(one(getattr(speech, name), getattr(song, name)) for name in names))


def _uar(p: Predictions) -> float:
    return recall(p.prediction, p.truth)


def _calibration(p: Predictions) -> str:
    chances = _cross_fitted(p)
    return format_calibration(chances, p.truth)


def _cross_fitted(p: Predictions) -> "np.ndarray":
    """Probabilities (n, k), each speaker's under the temperature that suits all the others."""
    chances = np.empty_like(p.logits)
    for group in np.unique(p.groups):
        own = p.groups == group
        chances[own] = softmax(p.logits[own], fit_temperature(p.logits[~own], p.truth[~own]))
    return chances


def _each(p: Predictions) -> list[str]:
    return [
        f"{group.split()[0].split('_')[-1]} {recall(q.prediction, q.truth):.1f}"
        for group in np.unique(p.groups).tolist()
        for q in [p.select(p.groups == group)]
    ]
