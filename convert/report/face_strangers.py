"""The report's section on faces of strangers: web portraits, calm faces, groups of people, and unfamiliar faces.

python -m convert.report.face_strangers
"""

import argparse
import sys
from functools import partial
from pathlib import Path

import numpy as np

from convert.arguments import add_data
from convert.datasets.pictures.fer2013 import Fer2013
from convert.datasets.pictures.fer2013_formats import FERPLUS_COLUMNS
from convert.evaluation.face_groups import GROUPINGS, REPORTED, GroupShares, largest_difference
from convert.evaluation.shipped import load_shipped
from convert.face.student.familiarity import CHANGED, predict_logits, separation, shares_said, spread_rows
from convert.face.student.resize import resize_all
from convert.face.student.strange import FITTED, UNSEEN, Picture, change_all, pictures_without_faces
from convert.face.student.strangers import (
    THRESHOLD,
    StrangerFigures,
    StrangerSets,
    measure_strangers,
    read_stranger_sets,
)
from convert.report.tables import format_table
from device.emotions import Floats
from device.errors import MienError
from device.perception.face.familiarity import face_probabilities, response
from device.perception.models.card import MODELS
from device.perception.models.inputs import FACE_PX
from device.perception.models.model import Model

_HEAD = f"""
### Strangers

`python -m convert.report.face_strangers`. Web portraits and `people` come from other photographers than FER2013's, \
with other crops and ages; the shipped network learnt neither. A calm face that is said angry or sad changes a room \
for no reason; *said* means at or above the default threshold of {THRESHOLD}.

"""
_TITLES = (
    "FER2013 PrivateTest 3,301, accuracy",
    "FER2013 PrivateTest 3,301, UAR",
    "FER2013 PrivateTest 3,301, calibration error",
    "FER+ majority (3,153), accuracy",
    "webfaces' test (2,904), accuracy",
    "webfaces' test, calibration error",
    "calm faces of FER2013's 3,301 said angry or sad",
    "calm faces of webfaces' test said angry or sad",
    *(f"people, angry or sad, largest difference by {grouping}" for grouping in GROUPINGS),
)


def section(data: Path, models: Path = MODELS) -> str:
    """The section as Markdown. Raises MediaError, naming the dataset that is missing."""
    model, sets = load_shipped("face", models), read_stranger_sets(data)
    shipped = measure_strangers(model.network, sets, partial(face_probabilities, card=model.card))
    rows = [(title, f"{shipped.figures[title]:.1f}") for title in _TITLES]
    return (
        _HEAD
        + format_table(("", "per cent"), rows)
        + "\nBy whom it errs: what share of `people` (nobody told it how they feel; most of them smile) the shipped "
        "network says to be angry, sad, neutral and happy, in per cent:\n\n"
        + _format_groups(shipped)
        + _unfamiliar(model, sets, data)
    )


def _format_groups(measured: StrangerFigures) -> str:
    def row(group: GroupShares) -> tuple[object, ...]:
        shares = [f"{group.shares[emotion.value]:.1f}" for emotion in REPORTED]
        return f"{group.grouping}: {group.group}", f"{group.count:,}", *shares, f"{group.angry_or_sad:.1f}"

    rows = [row(group) for group in measured.groups]
    for grouping in GROUPINGS:
        difference = f"**{largest_difference(measured.groups, grouping):.1f}**"
        rows.append((f"largest difference by {grouping}", "", *[""] * len(REPORTED), difference))
    return format_table(("", "faces", *(emotion.value for emotion in REPORTED), "angry or sad"), rows)


def _unfamiliar(model: Model, sets: StrangerSets, data: Path) -> str:
    """What the network says of faces unlike its training data."""
    clean, web = sets.clean, sets.webfaces
    rows_by_set = {"clean": spread_rows(len(clean)), "web": spread_rows(len(web))}
    faces = np.concatenate(
        [clean.pictures[rows_by_set["clean"]], resize_all(web.pictures[rows_by_set["web"]], FACE_PX)]
    )
    labels = np.concatenate([clean.labels[rows_by_set["clean"]], web.labels[rows_by_set["web"]]])
    unchanged = predict_logits(model.network, faces)
    kinds: list[tuple[str, Picture, bool]] = [("as they are", faces, True)]
    kinds += [(name, change_all(faces, change), True) for name, change in {**FITTED, **UNSEEN}.items()]
    kinds.append(("no face, by FER+'s voters", _voted_no_face(data), False))
    kinds.append(("noise, clouds, boxes, gradients", pictures_without_faces(600, FACE_PX), False))
    rows = []
    for name, pictures, has_labels in kinds:
        logits = predict_logits(model.network, pictures)
        said = shares_said(face_probabilities(logits, model.card), labels if has_labels else None, THRESHOLD)
        found = (separation(-response(logits), -response(unchanged)), separation(-_surest(logits), -_surest(unchanged)))
        shown = ["–", "–"] if name == "as they are" else [f"{value:.0f}" for value in found]
        rows.append((name, f"{said['said']:.0f}", f"{said['wrong']:.0f}", *shown))
    return (
        f"\n**Unfamiliar faces.** {CHANGED} faces of PrivateTest (3,301) and as many of webfaces' test under changes: "
        "the share in per cent that is said, and that is said and wrong. Then how well the network's response (the "
        "log-sum-exp of its logits), and its confidence, tell the kind from unchanged faces: area under the ROC "
        "curve, 50 is chance. A card may say from which response a face counts as a familiar one "
        "(`device/perception/face/familiarity.py`); this one does not yet:\n\n"
        + format_table(("", "said", "said and wrong", "by response", "by confidence"), rows)
    )


def _surest(logits: Floats) -> Floats:
    probabilities = np.exp(logits - response(logits)[:, None])
    return np.asarray(probabilities.max(axis=1), np.float32)


def _voted_no_face(data: Path) -> Picture:
    """The pictures of FER2013 that at least half of FER+'s ten voters took for no face."""
    fer2013 = Fer2013(data / "fer2013")
    column = FERPLUS_COLUMNS.index("NF")
    parts = [fer2013.training(as_published=True), fer2013.validation(), fer2013.test()]
    return np.concatenate([part.pictures[part.counts[:, column] >= 5] for part in parts])


def main() -> int:
    """Print the section; on a MienError, one line and 1."""
    parser = argparse.ArgumentParser(prog="python -m convert.report.face_strangers", description=__doc__)
    parser.add_argument("--models", type=Path, default=MODELS)
    add_data(parser)
    arguments = parser.parse_args()
    try:
        print(section(arguments.data, arguments.models))
    except MienError as error:
        print(f"convert: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
