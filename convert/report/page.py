"""docs/REPORT.md: every number that Mien claims of its networks, each beside the command that measures it again.

The shipped networks are asked anew. The benchmarks' networks are not shipped: what they said is kept in docs/answers,
clip by clip, and counted anew; `python -m convert train NAME` and `benchmark NAME` make those answers again.
"""

from pathlib import Path

import numpy as np

from convert.datasets.fer2013 import Fer2013
from convert.evaluation.metrics import accuracy, accuracy_on_surest, estimate, recall
from convert.evaluation.predictions import SAVED_PREDICTIONS, load_predictions
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
from convert.report import baseline, face_lineage, ferplus_weight
from convert.report.tables import format_calibration, format_confusion, format_table, selective
from convert.report.voice import CORPUS, protocols
from convert.voice.ensemble_weights import Exponents
from device.emotions import softmax
from device.perception.models.card import MODELS

PAGE = Path("docs/REPORT.md")


def report(data: Path, models: Path = MODELS, answers: Path = SAVED_PREDICTIONS, fusion: bool = True) -> str:
    """The page as Markdown. Raises MediaError naming the dataset or the answers that are missing."""
    sections = [
        _HEAD,
        _cards(data, models, answers),
        _face(data, models, answers),
        _voice(data, models),
        protocols(answers, _temperatures(models)),
    ]
    if fusion:
        sections += [_fusion(data, models), baseline.section(data, models)]
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
- SAVEE's four men say the same sentences, but mostly others for each emotion (Haq and Jackson 2009): who knows the
  words knows the emotion, and does so better than any network here (the lines *the words alone*). What has heard other
  men, or other clips, of SAVEE can score by what is said instead of how; the line across corpora is free of that.
- Not for work, school, policing, health or any decision about a person.
"""


_USE = """## What they are for
A mood of a room for lights, music and a display that its own people set up, at their own wish and switched off at
their word; and research that names these limits. Each reads one face, or three seconds of one voice, at a time.
"""


def _cards(data: Path, models: Path, answers: Path) -> str:
    watched = {
        "face": predict_faces(load_shipped("face", models).network, Fer2013(data / "fer2013").validation())[0],
        "voice": load_predictions(answers / "voice-validation.npz"),
        "prosody": load_predictions(answers / "prosody-validation-stranger.npz"),
    }
    parts = [_USE]
    for name, said in watched.items():
        card = load_shipped(name, models).card
        learned = "; ".join(f"{corpus.name} ({corpus.licence})" for corpus in card.corpora)
        given, right = selective(softmax(said.logits, card.temperature), said.truth, card.unknown_below)
        parts.append(
            f"**{name}.tflite**, full-integer int8, `convert/recipes/mien_{name}.py`, sha256 `{card.sha256[:16]}…`. "
            f"Reads: {card.input}. Says: {', '.join(card.labels)}. Learned from: {learned}. Logits are divided by "
            f"{card.temperature} (fitted on validation). Under a confidence of {card.unknown_below:.2f} it is wrong "
            f"too often (`unknown_below`); of its answers on validation {given:.0f} % were that sure or surer, and of "
            f"these {right:.1f} % right.\n"
        )
    return "\n".join(parts)


_FACES = """Trained in generations: each goes on from the one before and is taught by it, at first from labels that \
FER+'s votes had softened. How the last ones were made stands below the numbers. Each was chosen on PublicTest; the \
network as published is the seventh that PrivateTest was asked of for FER+, where all seven read 88.1 to 88.7: a step \
of a half is chance"""


def _face(data: Path, models: Path, answers: Path) -> str:
    model = load_shipped("face", models)
    faces = read_private_test(data)
    clean = read_private_test(data, without_copies=True)
    all_rows, votes = predict_faces(model.network, faces)
    said, _ = predict_faces(model.network, clean)
    published, published_votes = predict_faces(load_published_face(), faces)
    no_copies, no_copies_votes = predict_faces(load_published_face(), clean)
    exact = {name: load_predictions(answers / f"{name}-float.npz") for name in ("face", "face-as-published")}
    chances = softmax(said.logits, model.card.temperature)
    drop = {
        "face": accuracy(exact["face"].prediction, faces.labels) - accuracy(all_rows.prediction, faces.labels),
        "face-as-published": accuracy(exact["face-as-published"].prediction, faces.labels)
        - accuracy(published.prediction, faces.labels),
    }
    rows = [
        ("FER2013 PrivateTest, 3,589, all Training rows (as others publish)", estimate(accuracy, published)),
        (
            "… the same network on the 3,301 that do not stand in Training, pixel for pixel",
            estimate(accuracy, no_copies),
        ),
        ("… the shipped network, trained without copies, 3,301", estimate(accuracy, said)),
        ("… the shipped network on all 3,589", estimate(accuracy, all_rows)),
        ("… the shipped network, 3,301, UAR", estimate(recall, said)),
        ("FER+ majority, 8 classes, 3,153, the shipped network", estimate(accuracy, votes)),
        ("… the network as published", estimate(accuracy, published_votes)),
        (
            f"… the same on those that do not stand in Training, {len(no_copies_votes.truth):,}",
            estimate(accuracy, no_copies_votes),
        ),
        ("expected calibration error, 3,301", format_calibration(chances, said.truth)),
        ("accuracy on its surest 70 %, 3,301", f"{accuracy_on_surest(chances, said.truth):.1f}"),
        ("… on all 3,589", f"{accuracy_on_surest(softmax(all_rows.logits), all_rows.truth):.1f}"),
        (
            "… of the network as published, on all 3,589",
            f"{accuracy_on_surest(softmax(published.logits), published.truth):.1f}",
        ),
        ("… of the same on the 3,301", f"{accuracy_on_surest(softmax(no_copies.logits), no_copies.truth):.1f}"),
        (
            f"answers at or over `unknown_below` {model.card.unknown_below:.2f}: share given, accuracy of these",
            "{:.0f}, {:.1f}".format(*selective(chances, said.truth, model.card.unknown_below)),
        ),
        ("int8 against float, 3,589: points lost, shipped", f"{drop['face']:+.2f}"),
        ("… as published", f"{drop['face-as-published']:+.2f}"),
    ]
    sizes = f"{(models / 'face.tflite').stat().st_size / 1e3:.0f} kB and {AS_PUBLISHED.stat().st_size / 1e3:.0f} kB"
    return (
        f"## Faces\n\n{_FACES}; {sizes}.\n\n"
        + format_table(("", "per cent"), rows)
        + "\nBy emotion, the shipped network on the 3,301 (rows what the label says):\n\n"
        + format_confusion(said)
        + face_lineage.section()
        + ferplus_weight.section(
            model.network, {"PublicTest": Fer2013(data / "fer2013").validation(), "PrivateTest, 3,301": clean}
        )
    )


def _voice(data: Path, models: Path) -> str:
    model = load_shipped("voice", models)
    said, silent = predict_voices(models, read_clips(data, "test"))
    known, _ = predict_voices(models, read_clips(data, "test"), known=True)
    chances = np.exp(said.logits)
    rows: list[tuple[str, object]] = []
    kinds = (("speakers never heard", said), ("… heard before, without labels", known))
    own = [
        (f"{name}, {words}", p.select(p.corpora == key))
        for words, p in kinds
        for key, name in CORPUS.items()
        if (p.corpora == key).any()
    ]
    rows += [(f"{name}, 7 classes, UAR", estimate(recall, part)) for name, part in own]
    rows += [
        (f"{name}, expected calibration error", format_calibration(np.exp(part.logits), part.truth))
        for name, part in own
    ]
    rows += [
        (f"all of them together, {words}, expected calibration error", format_calibration(np.exp(p.logits), p.truth))
        for words, p in kinds
    ]
    rows += [
        ("all of them, accuracy on the surest 70 %", f"{accuracy_on_surest(chances, said.truth):.1f}"),
        (
            f"answers at or over `unknown_below` {model.card.unknown_below:.2f}: share given, accuracy of these",
            "{:.0f}, {:.1f}".format(*selective(chances, said.truth, model.card.unknown_below)),
        ),
        ("clips in which no voice was found", f"{silent:.1f}"),
        (
            "household sounds in which a voice was heard, of those kept aside and of no recording in training",
            "{} of {}".format(*count_false_voices(models, data)),
        ),
    ]
    sizes = " and ".join(f"{(models / f'{name}.tflite').stat().st_size / 1e3:.0f} kB" for name in ("voice", "prosody"))
    return (
        "## Voices: the shipped networks\n\n`python -m convert train voice` and `train prosody`; "
        f"{sizes}; asked as `mien analyze` asks, on RAVDESS actors 21–24 and SAVEE's KL, whom they never heard. One "
        "sees a picture of the voice, the other hears how it differs from what is usual: from voices in general at "
        "first (*never heard*), and in a living room more and more from the voices there (*heard before*: all the "
        "speaker's clips have been listened to once, nobody having told what they felt). "
        "Intervals are over clips: the speakers are too few for others.\n\n"
        + format_table(("", "per cent"), rows)
        + "\nBy emotion, all test speakers:\n\n"
        + format_confusion(said)
    )


def _temperatures(models: Path) -> Exponents:
    return Exponents(*(load_shipped(name, models).card.temperature for name in ("voice", "prosody")))


def _fusion(data: Path, models: Path) -> str:
    from convert.report.fusion import PAIRS_AN_EMOTION, measure_fusions

    found = measure_fusions(data, models)
    rows = [
        (name, *(f"{value:.1f}" for kind in ("clean", "spoilt") for value in figures[kind]))
        for name, figures in found.items()
    ]
    return (
        "## Face and voice together\n\n"
        "No audio-visual corpus is to be had here. A face of PrivateTest and a voice of the test speakers with the "
        f"same label are paired at random ({PAIRS_AN_EMOTION} an emotion): two people who know nothing of each other. "
        "Read the differences, not the heights. *Spoilt*: a third of the faces blurred, another third of the voices in "
        "noise as loud as they are. What is fitted is fitted on validation.\n\n"
        + format_table(("", "clean: accuracy", "UAR", "ECE", "spoilt: accuracy", "UAR", "ECE"), rows)
    )


def write(data: Path, models: Path = MODELS) -> str:
    """Write docs/REPORT.md; returns the page."""
    page = report(data, models)
    PAGE.write_text(page)
    return page
