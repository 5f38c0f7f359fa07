"""docs/REPORT.md: every number that Mien claims of its networks, each beside the command that measures it again.

The shipped networks are asked anew. The benchmarks' networks are not shipped: what they said is kept in docs/answers,
clip by clip, and counted anew; `python -m convert train NAME` and `benchmark NAME` make those answers again.
"""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from convert.benchmark_answers import folds
from convert.evaluate import (
    AS_PUBLISHED,
    as_published,
    clips_of,
    face_answers,
    false_voices,
    private_test,
    shipped,
    voice_answers,
)
from convert.metrics import (
    Metric,
    accuracy,
    calibration_error,
    calibration_floor,
    confusion,
    f1,
    measured,
    recall,
    surest,
    temperature_of,
)
from convert.predictions import Predictions, load
from device.emotions import softmax
from device.sense.model import MODELS

ANSWERS = Path("docs/answers")
PAGE = Path("docs/REPORT.md")
_CORPUS = {"ravdess_speech": "RAVDESS speech", "ravdess_song": "RAVDESS song", "tess": "TESS", "savee": "SAVEE"}


def _table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    head = list(head)
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    return "\n".join([*lines, *("| " + " | ".join(map(str, row)) + " |" for row in rows)]) + "\n"


def _random_part(p: Predictions) -> str:
    return str(measured(accuracy, p))


def report(data: Path, models: Path = MODELS, answers: Path = ANSWERS, fusion: bool = True) -> str:
    """The page as Markdown. Raises MediaError naming the dataset or the answers that are missing."""
    sections = [_HEAD, _cards(models), _face(data, models, answers), _voice(data, models), protocols(answers)]
    if fusion:
        sections.append(_fusion(data, models))
    return "\n".join([*sections, _LIMITS])


_HEAD = """# Model card: what Mien's networks are, and what they can do, measured

Written by `make evaluate`, which asks the committed `.tflite` files through the device's own code, one forward pass a
picture, no flips averaged. Behind each number is its 95 % interval: bootstrapped over rows, or over *speakers* where
it says so, since twelve clips of one person are not twelve. UAR is the unweighted average recall: the mean of the
classes' recalls, chance being one part in the number of classes.
"""

_LIMITS = """## What these numbers do not say
- They are of posed, acted or searched-for faces and voices, mostly Western, mostly adult, English-spoken. FER2013 does
  not tell who is in a picture: nothing can be said here of sex, age or skin.
- They say how often a network agrees with a label that people gave, not what anybody felt. People agree with
  FER2013's labels in about 65 % and with RAVDESS's intended emotion (sound alone) in about 60 %.
- Random splits of acted corpora are in the table only to stand beside the projects that published them. For a living
  room read the lines *speakers never heard* and *across corpora*.
- Not for work, school, policing, health or any decision about a person.
"""


_USE = """## What they are for
A mood of a room for lights, music and a display that its own people set up, at their own wish and switched off at
their word; and research that names these limits. Each reads one face, or three seconds of one voice, at a time.
"""


def _cards(models: Path) -> str:
    parts = [_USE]
    for name, recipe in (("face", "convert/recipes/mien_face.py"), ("voice", "convert/recipes/mien_voice.py")):
        card = shipped(name, models).card
        learned = "; ".join(f"{corpus.name} ({corpus.licence})" for corpus in card.corpora)
        parts.append(
            f"**{name}.tflite**, full-integer int8, `{recipe}`, sha256 `{card.sha256[:16]}…`. Reads: {card.input}. "
            f"Says: {', '.join(card.labels)}. Learned from: {learned}. Logits are divided by {card.temperature} "
            f"(fitted on validation); from a confidence of {card.unknown_below:.2f} on, three of four answers on "
            "validation were right.\n"
        )
    return "\n".join(parts)


def _face(data: Path, models: Path, answers: Path) -> str:
    model = shipped("face", models)
    faces = private_test(data)
    clean = private_test(data, without_copies=True)
    all_rows, votes = face_answers(model.network, faces)
    said, _ = face_answers(model.network, clean)
    published, published_votes = face_answers(as_published(), faces)
    exact = {name: load(answers / f"{name}-float.npz") for name in ("face", "face-as-published")}
    chances = softmax(said.logits, model.card.temperature)
    drop = {
        "face": accuracy(exact["face"].read, faces.labels) - accuracy(all_rows.read, faces.labels),
        "face-as-published": accuracy(exact["face-as-published"].read, faces.labels)
        - accuracy(published.read, faces.labels),
    }
    rows = [
        ("FER2013 PrivateTest, 3,589, all Training rows (as others publish)", measured(accuracy, published)),
        ("… the shipped network, trained without copies, 3,301", measured(accuracy, said)),
        ("… the shipped network on all 3,589", measured(accuracy, all_rows)),
        ("… the shipped network, 3,301, UAR", measured(recall, said)),
        ("FER+ majority, 8 classes, 3,153, the shipped network", measured(accuracy, votes)),
        ("… the network as published", measured(accuracy, published_votes)),
        ("expected calibration error, 3,301", _error_and_floor(chances, said.truth)),
        ("accuracy on its surest 70 %, 3,301", f"{surest(chances, said.truth):.1f}"),
        (
            f"answers at or over `unknown_below` {model.card.unknown_below:.2f}: share given, accuracy of these",
            _selective(chances, said.truth, model.card.unknown_below),
        ),
        ("int8 against float, 3,589: points lost, shipped", f"{drop['face']:+.2f}"),
        ("… as published", f"{drop['face-as-published']:+.2f}"),
    ]
    sizes = f"{(models / 'face.tflite').stat().st_size / 1e3:.0f} kB and {AS_PUBLISHED.stat().st_size / 1e3:.0f} kB"
    return (
        f"## Faces\n\nTrained with `python -m convert train face` and `train face-as-published`; {sizes}.\n\n"
        + _table(("", "per cent"), rows)
        + "\nBy emotion, the shipped network on the 3,301 (rows what the label says):\n\n"
        + _by_class(said)
    )


def _selective(chances: "np.ndarray", truth: "np.ndarray", least: float) -> str:
    given = chances.max(axis=1) >= least
    return f"{100 * given.mean():.0f}, {accuracy(chances.argmax(axis=1)[given], truth[given]):.1f}"


def _by_class(p: Predictions) -> str:
    counts = confusion(p.read, p.truth, len(p.classes))
    scores = f1(p.read, p.truth, len(p.classes))
    rows = [
        (name, *counts[i], f"{100 * counts[i, i] / max(counts[i].sum(), 1):.0f}", f"{100 * scores[i]:.0f}")
        for i, name in enumerate(p.classes)
    ]
    return _table(("", *(c[:8] for c in p.classes), "recall %", "F1 %"), rows)


def _voice(data: Path, models: Path) -> str:
    model = shipped("voice", models)
    said, silent = voice_answers(model, clips_of(data, "test"))
    chances = np.exp(said.logits)
    own = {name: said.where(said.corpora == key) for key, name in _CORPUS.items() if (said.corpora == key).any()}
    rows: list[tuple[str, object]] = [
        (f"{name}, speakers never heard, 7 classes, UAR", measured(recall, part)) for name, part in own.items()
    ]
    rows += [
        ("all of them, expected calibration error", _error_and_floor(chances, said.truth)),
        ("all of them, accuracy on the surest 70 %", f"{surest(chances, said.truth):.1f}"),
        (
            f"answers at or over `unknown_below` {model.card.unknown_below:.2f}: share given, accuracy of these",
            _selective(chances, said.truth, model.card.unknown_below),
        ),
        ("clips in which no voice was found", f"{silent:.1f}"),
        ("household sounds kept aside in which a voice was heard", f"{false_voices(model, data):.1f}"),
    ]
    size = (models / "voice.tflite").stat().st_size / 1e3
    return (
        f"## Voices: the shipped network\n\n`python -m convert train voice`; {size:.0f} kB; asked as `mien analyze` "
        "asks, on RAVDESS actors 21–24 and SAVEE's KL, whom it never heard.\n\n"
        + _table(("", "per cent"), rows)
        + "\nBy emotion, all test speakers:\n\n"
        + _by_class(said)
    )


def _by_sex(p: Predictions, metric: Metric) -> str:
    sexes = np.array([group.split()[-1] for group in p.groups.tolist()])
    return ", ".join(
        f"{name} {metric(p.read[sexes == s], p.truth[sexes == s]):.1f}"
        for s, name in (("F", "women"), ("M", "men"))
        if (sexes == s).any()
    )


def _mean_of_folds(p: Predictions) -> str:
    speakers = np.array([int(g.split()[0][3:]) for g in p.groups.tolist()])
    scores = [recall(q.read, q.truth) for f in range(6) for q in [p.where((speakers - 1) // 4 == f)] if len(q.truth)]
    return f"{np.mean(scores):.1f} ± {np.std(scores):.1f}"


def protocols(answers: Path) -> str:
    """The section on those never heard, counted from the kept `answers`."""
    speech, exact = folds(answers, "ravdess_speech"), folds(answers, "ravdess_speech", "-float")
    savee, tess = folds(answers, "savee"), folds(answers, "tess")
    song = folds(answers, "ravdess_song")
    rows: list[tuple[str, object]] = [
        ("RAVDESS speech, 8 classes, 6 folds of 4, UAR (over speakers)", measured(recall, speech, by_group=True)),
        ("… mean of the six folds ± their deviation", _mean_of_folds(speech)),
        ("… by sex", _by_sex(speech, recall)),
        ("… float instead of int8: points lost", f"{_uar(exact) - _uar(speech):+.2f}"),
        ("… expected calibration error, the temperature fitted on the other speakers", _calibration(speech)),
        ("RAVDESS song, 6 classes, the same folds, UAR (over speakers)", measured(recall, song, by_group=True)),
        ("SAVEE, 7 classes, one speaker out, UAR (over rows: four men)", measured(recall, savee)),
        ("… each man", ", ".join(_each(savee))),
        ("TESS, 7 classes, the other woman, UAR", measured(recall, tess)),
        ("… each woman", ", ".join(_each(tess))),
    ]
    across: list[tuple[str, object]] = []
    for corpus, left_out in (("savee", "savee"), ("tess", "tess"), ("ravdess_speech", "ravdess")):
        kept = answers / f"voice-without-{left_out}-{corpus}.npz"
        value = measured(recall, load(kept)) if kept.exists() else "not measured yet"
        across.append((f"{_CORPUS[corpus]}, UAR; trained on the others", value))
    drawn = {corpus: load(answers / f"voice-random-{corpus}.npz") for corpus in _CORPUS}
    both = np.concatenate([drawn[c].read == drawn[c].truth for c in ("ravdess_speech", "ravdess_song")])
    randoms = [
        ("RAVDESS speech, 8 classes, random 60/20/20, accuracy", _random_part(drawn["ravdess_speech"])),
        ("RAVDESS speech and song, random, accuracy", f"{100 * both.mean():.1f}"),
        ("TESS, random, accuracy", _random_part(drawn["tess"])),
        ("SAVEE, random, accuracy", _random_part(drawn["savee"])),
    ]
    return (
        "## Voices: the recipe under the protocols of others\n\n"
        "One network a fold, trained alike and never chosen by those it is tested on (the last epoch is taken); int8. "
        "Again: `python -m convert train voice-fold-1` … `voice-fold-6`, `voice-random`, `voice-without-savee`, "
        "`-tess`, `-ravdess`, then `python -m convert benchmark`.\n\n"
        + _table(("speakers never heard", "per cent"), rows)
        + "\n"
        + _table(("corpora never heard", "per cent"), across)
        + "\n"
        + _table(("random splits: the same speakers, other clips", "per cent"), randoms)
        + "\nRAVDESS speech by emotion, the six folds together:\n\n"
        + _by_class(speech)
    )


def _uar(p: Predictions) -> float:
    return recall(p.read, p.truth)


def _calibration(p: Predictions) -> str:
    chances = _cross_fitted(p)
    return _error_and_floor(chances, p.truth)


def _error_and_floor(chances: "np.ndarray", truth: "np.ndarray") -> str:
    return f"{calibration_error(chances, truth):.2f} ({calibration_floor(chances):.2f} when nothing is wrong)"


def _cross_fitted(p: Predictions) -> "np.ndarray":
    """Probabilities (n, k), each speaker's under the temperature that suits all the others."""
    chances = np.empty_like(p.logits)
    for group in np.unique(p.groups):
        own = p.groups == group
        chances[own] = softmax(p.logits[own], temperature_of(p.logits[~own], p.truth[~own]))
    return chances


def _each(p: Predictions) -> list[str]:
    return [
        f"{group.split()[0].split('_')[-1]} {recall(q.read, q.truth):.1f}"
        for group in np.unique(p.groups).tolist()
        for q in [p.where(p.groups == group)]
    ]


def _fusion(data: Path, models: Path) -> str:
    from convert.fusing import PAIRS_AN_EMOTION, measured_ways

    table = measured_ways(data, models)
    rows = [
        (name, *(f"{value:.1f}" for kind in ("clean", "spoilt") for value in figures[kind]))
        for name, figures in table.items()
    ]
    return (
        "## Face and voice together\n\n"
        "No audio-visual corpus is to be had here. A face of PrivateTest and a voice of the test speakers with the "
        f"same label are paired at random ({PAIRS_AN_EMOTION} an emotion): two people who know nothing of each other. "
        "Read the differences, not the heights. *Spoilt*: a third of the faces blurred, another third of the voices in "
        "noise as loud as they are. What is fitted is fitted on validation.\n\n"
        + _table(("", "clean: accuracy", "UAR", "ECE", "spoilt: accuracy", "UAR", "ECE"), rows)
    )


def write(data: Path, models: Path = MODELS) -> str:
    """Write docs/REPORT.md; returns the page."""
    page = report(data, models)
    PAGE.write_text(page)
    return page
