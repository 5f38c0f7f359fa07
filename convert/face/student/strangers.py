"""Measures a face network on people it was not trained on: the report's table of faces, for any .tflite.

    python -m convert.face.student.strangers                      the shipped network
    python -m convert.face.student.strangers face.tflite ...      others; the temperature is fitted on PublicTest

Networks run through the device's own code. What turns logits into probabilities comes from the card or from PublicTest,
never from a test set.
"""

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from convert.arguments import add_data
from convert.datasets.pictures.fer2013 import Faces, Fer2013
from convert.datasets.pictures.people import People, read_people
from convert.datasets.pictures.webfaces import LabelledFaces, Webfaces
from convert.evaluation.calm_faces import calm_misread
from convert.evaluation.face_groups import GROUPINGS, GroupShares, largest_difference, share_by_group
from convert.evaluation.metrics import accuracy, calibration_error, fit_temperature, recall
from convert.face.student.resize import resize_all
from device.emotions import Floats, softmax
from device.errors import MienError
from device.perception.face.classifier import face_input
from device.perception.face.familiarity import face_probabilities
from device.perception.models.card import MODELS
from device.perception.models.inputs import FACE_PX
from device.perception.models.model import Model
from device.perception.tflite import Network
from device.settings.schema import Settings

THRESHOLD = Settings().mood.min_confidence
"""The default confidence below which no mood is reported."""
Pictures = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class StrangerSets:
    """All test sets of a face network, read once."""

    public: Faces
    published: Faces
    clean: Faces
    webfaces: LabelledFaces
    people: People


def read_stranger_sets(data: Path) -> StrangerSets:
    """Read them from `data`; raises MediaError when a set is missing or damaged."""
    fer2013 = Fer2013(data / "fer2013")
    portraits = Webfaces(data / "webfaces").test()
    return StrangerSets(
        fer2013.validation(),
        fer2013.test(),
        fer2013.test(without_copies=True),
        portraits,
        read_people(data / "webfaces"),
    )


@dataclass(frozen=True)
class StrangerFigures:
    """The measured figures, in per cent."""

    figures: dict[str, float]
    groups: list[GroupShares]

    def as_text(self) -> str:
        """The figures as the lines of a table."""
        lines = [f"{title:64} {value:6.2f}" for title, value in self.figures.items()]
        lines.append(f"{'people, at the threshold':32} {'n':>6} " + " ".join(f"{e:>8}" for e in self.groups[0].shares))
        for group in self.groups:
            shares = " ".join(f"{share:8.1f}" for share in group.shares.values())
            lines.append(f"{group.grouping + ' ' + group.group:32} {group.count:6} {shares}")
        return "\n".join(lines)


def predict(network: Network, pictures: Pictures) -> tuple[Floats, Floats]:
    """Logits (n, 7) and (n, 8) of pictures (n, s, s) uint8 gray, computed as `mien analyze --crop` does."""
    side = network.inputs[0].shape[1] if network.inputs else FACE_PX
    outputs = [network.run(face_input(picture)) for picture in resize_all(pictures, int(side))]
    return np.array([s[0][0] for s in outputs], np.float32), np.array([s[1][0] for s in outputs], np.float32)


def measure_strangers(
    network: Network, sets: StrangerSets, calibrate: Callable[[Floats], Floats] | None = None
) -> StrangerFigures:
    """Every figure of `network`.

    `calibrate` turns logits (n, 7) into probabilities; without it they are divided by a temperature of PublicTest.
    """
    public, _ = predict(network, sets.public.pictures)
    if calibrate is None:
        calibrate = partial(softmax, temperature=fit_temperature(public, sets.public.labels))
    published, votes = predict(network, sets.published.pictures)
    clean, _ = predict(network, sets.clean.pictures)
    portraits, _ = predict(network, sets.webfaces.pictures)
    people, _ = predict(network, sets.people.pictures)
    majority = sets.published.majority()
    clear = majority >= 0
    seven = sets.published.majority_of_seven()
    in_seven = seven >= 0
    groups = share_by_group(sets.people, calibrate(people), THRESHOLD)
    figures = {
        "FER2013 PublicTest (validation), accuracy": accuracy(public.argmax(axis=1), sets.public.labels),
        "FER2013 PublicTest, UAR": recall(public.argmax(axis=1), sets.public.labels),
        "FER2013 PrivateTest 3,589, accuracy": accuracy(published.argmax(axis=1), sets.published.labels),
        "FER2013 PrivateTest 3,301, accuracy": accuracy(clean.argmax(axis=1), sets.clean.labels),
        "FER2013 PrivateTest 3,301, UAR": recall(clean.argmax(axis=1), sets.clean.labels),
        "FER2013 PrivateTest 3,301, calibration error": calibration_error(calibrate(clean), sets.clean.labels),
        "FER+ majority (3,153), accuracy": accuracy(votes.argmax(axis=1)[clear], majority[clear]),
        "FER+ majority, of the seven, by the seven, accuracy": accuracy(
            published.argmax(axis=1)[in_seven], seven[in_seven]
        ),
        "webfaces' test (2,904), accuracy": accuracy(portraits.argmax(axis=1), sets.webfaces.labels),
        "webfaces' test, calibration error": calibration_error(calibrate(portraits), sets.webfaces.labels),
        "calm faces of FER2013's 3,301 said angry or sad": calm_misread(calibrate(clean), sets.clean.labels, THRESHOLD),
        "calm faces of webfaces' test said angry or sad": calm_misread(
            calibrate(portraits), sets.webfaces.labels, THRESHOLD
        ),
        **{f"people, angry or sad, largest difference by {g}": largest_difference(groups, g) for g in GROUPINGS},
    }
    return StrangerFigures(figures, groups)


def main() -> int:
    """Measure each named network; on a MienError, print one line and return 1."""
    parser = argparse.ArgumentParser(prog="python -m convert.face.student.strangers", description=__doc__)
    parser.add_argument("networks", nargs="*", type=Path, help=".tflite files (default: the shipped network)")
    add_data(parser)
    parser.add_argument("--json", type=Path, help="keep the figures there, too")
    arguments = parser.parse_args()
    try:
        sets = read_stranger_sets(arguments.data)
        results = {}
        for path in arguments.networks or [MODELS / "face.tflite"]:
            shipped = Model("face") if not arguments.networks else None
            network = shipped.network if shipped else Network(path.read_bytes(), str(path))
            measured = measure_strangers(
                network, sets, partial(face_probabilities, card=shipped.card) if shipped else None
            )
            print(f"{path}\n{measured.as_text()}\n", flush=True)
            groups = {f"{g.grouping} {g.group}": g.shares for g in measured.groups}
            results[str(path)] = {"figures": measured.figures, "people": groups}
        if arguments.json:
            arguments.json.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")
    except (MienError, OSError) as error:
        print(f"convert: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
