"""Writes docs/REPORT.md: every number that Mien claims of its networks, with the command that measures it again.

The shipped networks are run again. The benchmarks' networks do not ship: their predictions are committed in
convert/saved_predictions, clip by clip, and the numbers are computed from them. `python -m convert train NAME` and
`benchmark NAME` create those predictions again.
"""

from pathlib import Path

import numpy as np

from convert.datasets.pictures.fer2013 import Fer2013
from convert.evaluation.metrics import accuracy, accuracy_on_surest, estimate, recall
from convert.evaluation.predictions import SAVED_PREDICTIONS, Predictions, load_predictions
from convert.evaluation.shipped import (
    AS_PUBLISHED,
    count_false_voices,
    load_published_face,
    load_shipped,
    predict_faces,
    predict_voices,
    read_clips,
    read_private_test,
)
from convert.report import baseline, face_lineage, face_strangers, ferplus_weight, ordinary_life
from convert.report.tables import format_calibration, format_confusion, format_table, selective
from convert.report.voice import CORPUS, protocols
from convert.voice.ensemble_weights import Exponents
from device.emotions import Floats, softmax
from device.perception.models.card import MODELS, Card

PAGE = Path("docs/REPORT.md")


def report(data: Path, models: Path = MODELS, saved: Path = SAVED_PREDICTIONS, fusion: bool = True) -> str:
    """The page as Markdown. Raises MediaError, naming the dataset or the predictions that are missing."""
    temperatures = Exponents(*(load_shipped(name, models).card.temperature for name in ("voice", "prosody")))
    sections = [_HEAD, _cards(data, models, saved), _face(data, models, saved), _voice(data, models)]
    sections.append(protocols(saved, temperatures))
    if fusion:
        sections += [_fusion(data, models), baseline.section(data, models)]
    if simulated := ordinary_life.read_section():
        sections.append(simulated)
    return "\n".join([*sections, _LIMITS])


_HEAD = """# Model card: Mien's networks and their measured accuracy

Written by `make evaluate`, which runs the committed `.tflite` files through the device's own code: one forward pass per
picture, without averaging over flips. Every number has its 95 % interval, bootstrapped over rows, or over *speakers*
where the table says so, because twelve clips of one person are not twelve people. UAR is the unweighted average recall:
the mean of the classes' recalls. Chance is one divided by the number of classes.
"""

_LIMITS = """## What these numbers do not show
- The faces and voices are posed, acted, or found by a search engine; mostly Western, mostly adult, mostly English.
  FER2013 does not say who is in a picture: sex, age and ethnicity are covered only where nobody told an emotion, under
  *Strangers*.
- The numbers say how often a network agrees with a label that people gave, not what anybody felt. People agree with
  FER2013's labels in about 65 % and with RAVDESS's intended emotion (sound alone) in about 60 %.
- Random splits of acted corpora are only listed to compare with the projects that published them. For a living room,
  read the lines *new speakers* and *across corpora*.
- SAVEE's four men say the same sentences, but mostly different ones for each emotion (Haq and Jackson 2009). The words
  alone therefore predict the emotion, and better than any network here (the lines *the words alone*). A network that
  heard other men, or other clips, of SAVEE can score by the words instead of the voice; the line across corpora is free
  of that.
- Not for work, school, policing, health or any decision about a person.
"""


_USE = """## Intended use
The mood of a room for lights, music and a display that the people in it set up themselves and can switch off; and
research that states these limits. Each network reads one face, or three seconds of one voice, at a time.
"""


_INPUTS = {
    "face/1": "a 48×48 gray face",
    "voice/1": "3 s of log-mel and correlogram, a frame of 32 ms every 20 ms",
    "prosody/1": "prosody of the same spectra, relative to the speaker's baseline",
}


def _cards(data: Path, models: Path, saved: Path) -> str:
    validation = {
        "face": predict_faces(load_shipped("face", models).network, Fer2013(data / "fer2013").validation())[0],
        "voice": load_predictions(saved / "voice-validation.npz"),
        "prosody": load_predictions(saved / "prosody-validation-stranger.npz"),
    }
    parts = [_USE]
    for name, predictions in validation.items():
        card = load_shipped(name, models).card
        corpora = "; ".join(f"{corpus.name} ({corpus.licence})" for corpus in card.corpora)
        share, correct = selective(softmax(predictions.logits, card.temperature), predictions.truth, card.unknown_below)
        parts.append(
            f"**{name}.tflite**, full-integer int8, `convert/networks/{name}.py`, sha256 `{card.sha256[:16]}…`. "
            f"Input: {_INPUTS[card.input]} (`{card.input}`). Output: {', '.join(card.labels)}. "
            f"Trained on: {corpora}. "
            f"Logits are divided by {card.temperature} (fitted on validation). Below a confidence of "
            f"{card.unknown_below:.2f} it is wrong too often (`unknown_below`); {share:.0f} % of the predictions on "
            f"validation are at or above it, and of these {correct:.1f} % are right.\n"
        )
    return "\n".join(parts)


_FACES = """Trained in generations: each network starts from the one before, with it as its teacher, at first from \
labels softened by FER+'s votes. The table below the numbers lists the last generations. Each was chosen on \
PublicTest. The network as published is the seventh one tested on PrivateTest by FER+, where all seven reach 88.1 to \
88.7: a difference of half a point is chance"""


def _face(data: Path, models: Path, saved: Path) -> str:
    model = load_shipped("face", models)
    faces = read_private_test(data)
    clean = read_private_test(data, without_copies=True)
    all_rows, votes = predict_faces(model.network, faces)
    test, _ = predict_faces(model.network, clean)
    published, published_votes = predict_faces(load_published_face(), faces)
    no_copies, no_copies_votes = predict_faces(load_published_face(), clean)
    probabilities = softmax(test.logits, model.card.temperature)

    def loss(name: str, int8: Predictions) -> str:
        """The points that the int8 network loses."""
        float_network = load_predictions(saved / f"{name}-float.npz")
        return f"{accuracy(float_network.prediction, faces.labels) - accuracy(int8.prediction, faces.labels):+.2f}"

    def surest(probabilities: Floats, p: Predictions) -> str:
        return f"{accuracy_on_surest(probabilities, p.truth):.1f}"

    unseen = f"{len(no_copies_votes.truth):,}"
    rows = [
        ("FER2013 PrivateTest, 3,589, all Training rows (as in published results)", estimate(accuracy, published)),
        ("… the same network on the 3,301 that are not in Training, pixel for pixel", estimate(accuracy, no_copies)),
        ("… the shipped network, trained without copies, 3,301", estimate(accuracy, test)),
        ("… the shipped network on all 3,589", estimate(accuracy, all_rows)),
        ("… the shipped network, 3,301, UAR", estimate(recall, test)),
        ("FER+ majority, 8 classes, 3,153, the shipped network", estimate(accuracy, votes)),
        ("… the network as published", estimate(accuracy, published_votes)),
        (f"… the same on those that are not in Training, {unseen}", estimate(accuracy, no_copies_votes)),
        ("expected calibration error, 3,301", format_calibration(probabilities, test.truth)),
        ("accuracy on the 70 % with the highest confidence, 3,301", surest(probabilities, test)),
        ("… on all 3,589", surest(softmax(all_rows.logits), all_rows)),
        ("… of the network as published, on all 3,589", surest(softmax(published.logits), published)),
        ("… of the same on the 3,301", surest(softmax(no_copies.logits), no_copies)),
        _selective_row(model.card, probabilities, test),
        ("int8 against float, 3,589: points lost, shipped", loss("face", all_rows)),
        ("… as published", loss("face-as-published", published)),
    ]
    sizes = f"{(models / 'face.tflite').stat().st_size / 1e3:.0f} kB and {AS_PUBLISHED.stat().st_size / 1e3:.0f} kB"
    return (
        f"## Faces\n\n{_FACES}; {sizes}.\n\n"
        + format_table(("", "per cent"), rows)
        + "\nBy emotion, the shipped network on the 3,301 (rows are the label):\n\n"
        + format_confusion(test)
        + face_strangers.section(data, models)
        + face_lineage.section()
        + ferplus_weight.section(
            model.network, {"PublicTest": Fer2013(data / "fer2013").validation(), "PrivateTest, 3,301": clean}
        )
    )


def _selective_row(card: Card, probabilities: Floats, p: Predictions) -> tuple[str, str]:
    share, correct = selective(probabilities, p.truth, card.unknown_below)
    title = f"predictions at or above `unknown_below` {card.unknown_below:.2f}: share, accuracy"
    return title, f"{share:.0f}, {correct:.1f}"


def _voice(data: Path, models: Path) -> str:
    model = load_shipped("voice", models)
    new, without_voice = predict_voices(models, read_clips(data, "test"))
    known, _ = predict_voices(models, read_clips(data, "test"), known=True)
    probabilities = np.exp(new.logits)
    rows: list[tuple[str, object]] = []
    kinds = (("new speakers", new), ("known speakers", known))
    by_corpus = [
        (f"{name}, {title}", p.select(p.corpora == key))
        for title, p in kinds
        for key, name in CORPUS.items()
        if (p.corpora == key).any()
    ]
    rows += [(f"{name}, 7 classes, UAR", estimate(recall, part)) for name, part in by_corpus]
    rows += [
        (f"{name}, expected calibration error", format_calibration(np.exp(part.logits), part.truth))
        for name, part in by_corpus
    ]
    rows += [
        (f"all of them together, {title}, expected calibration error", format_calibration(np.exp(p.logits), p.truth))
        for title, p in kinds
    ]
    rows += [
        (
            "all of them, accuracy on the 70 % with the highest confidence",
            f"{accuracy_on_surest(probabilities, new.truth):.1f}",
        ),
        _selective_row(model.card, probabilities, new),
        ("clips in which no voice was detected", f"{without_voice:.1f}"),
        (
            "household sounds in which a voice was detected, of those held out that share no recording with training",
            "{} of {}".format(*count_false_voices(models, data)),
        ),
    ]
    sizes = " and ".join(f"{(models / f'{name}.tflite').stat().st_size / 1e3:.0f} kB" for name in ("voice", "prosody"))
    return (
        "## Voices: the shipped networks\n\n`python -m convert train voice` and `train prosody`; "
        f"{sizes}; run as `mien analyze` runs them, on RAVDESS actors 21–24 and SAVEE's KL, who are not in training. "
        "One network reads the spectrum as a picture. The other reads the prosody relative to a baseline: voices in "
        "general at first (*new speakers*), and in a living room more and more the voices there (*known speakers*: all "
        "of the speaker's clips have been heard once, without labels). Intervals are over clips, because there are too "
        "few speakers.\n\n"
        + format_table(("", "per cent"), rows)
        + "\nBy emotion, all test speakers:\n\n"
        + format_confusion(new)
    )


def _fusion(data: Path, models: Path) -> str:
    from convert.report.fusion import PAIRS_PER_EMOTION, measure_fusions

    found = measure_fusions(data, models)
    rows = [
        (name, *(f"{value:.1f}" for kind in ("clean", "degraded") for value in figures[kind]))
        for name, figures in found.items()
    ]
    return (
        "## Face and voice together\n\n"
        "No audio-visual corpus is available here. A face of PrivateTest and a voice of the test speakers with the "
        f"same label are paired at random ({PAIRS_PER_EMOTION} per emotion), so the two are independent of each other. "
        "Compare the rows; the absolute numbers mean little. *Degraded*: a third of the faces blurred, another third "
        "of the voices with noise as loud as they are. Everything fitted is fitted on validation.\n\n"
        + format_table(("", "clean: accuracy", "UAR", "ECE", "degraded: accuracy", "UAR", "ECE"), rows)
    )


def write(data: Path, models: Path = MODELS) -> str:
    """Write docs/REPORT.md; returns its text."""
    page = report(data, models)
    PAGE.write_text(page)
    return page
