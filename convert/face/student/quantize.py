"""Prepares a stage's network for the device: merges its heads, quantizes it to int8, and measures it on strangers.

python -m convert.face.student.quantize STAGE --runs FOLDER --out FOLDER
"""

import argparse
import json
import sys
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np

from convert.arguments import add_data
from convert.datasets.pictures.fer2013 import Fer2013
from convert.export.tflite import BothHeads, export_int8
from convert.face.student.choose_heads import HeadChoice, choose_heads, predict_validation
from convert.face.student.data import count_prior, read_webfaces
from convert.face.student.network import HeadMix, merge_heads
from convert.face.student.resize import resize_all
from convert.face.student.stages import STAGES, find_stage, load_stage
from convert.face.student.strangers import measure_strangers, read_stranger_sets
from convert.networks.face import MienFace
from device.emotions import Floats, softmax
from device.errors import MienError
from device.perception.face.classifier import face_input
from device.perception.tflite import Network

_CALIBRATED = 700
CALM_THRESHOLD = 0.4
"""The confidence at which misread calm faces count in the choice of heads. It is not the setting: that is fitted to the
network, so the network may not depend on it."""


@dataclass(frozen=True)
class MergedStage:
    """A stage's network with its heads merged."""

    network: MienFace
    content: bytes
    """The .tflite in int8."""
    shape: tuple[int, ...]
    choices: list[HeadChoice]
    """The mixtures of heads that were tried, the best first: the network has that one."""


def merge_stage(name: str, runs: Path, data: Path, rows: int | None = None) -> MergedStage:
    """Merge the heads of the stage trained in `runs`, and quantize; `rows` allows incomplete sets."""
    stage = find_stage(name)
    network = load_stage(name, runs)
    part = rows is not None
    log_prior = count_prior(Fer2013(data / "fer2013", part=part).training().labels).log()
    public, portraits = predict_validation(network, data, stage.side, rows)
    fixed = None
    if not stage.webfaces:
        fixed = HeadMix()  # as published: FER2013's labels only
    elif stage.fer2013 == "none":
        fixed = HeadMix(fer2013=0.0, webfaces=1.0, prior=0.0)
    choices = choose_heads(public, portraits, log_prior, CALM_THRESHOLD, fixed)
    merged = merge_heads(network, choices[0].mix, log_prior)
    shape = (1, stage.side, stage.side, 1)
    content, _ = export_int8(BothHeads(merged), shape, calibration_inputs(data, stage.side, part=part))
    return MergedStage(merged, content, shape, choices)


def quantize_stage(name: str, runs: Path, data: Path, out: Path) -> dict[str, object]:
    """Write `out`/NAME.tflite and NAME.json, which records how it was chosen and its figures."""
    merged = merge_stage(name, runs, data)
    out.mkdir(parents=True, exist_ok=True)
    (out / f"{name}.tflite").write_bytes(merged.content)
    calibrate = partial(softmax, temperature=merged.choices[0].temperature)
    measured = measure_strangers(Network(merged.content, name), read_stranger_sets(data), calibrate)
    print(measured.as_text(), flush=True)
    result: dict[str, object] = {
        "stage": name,
        "bytes": len(merged.content),
        "chosen on validation": [{**asdict(choice), "score": choice.score} for choice in merged.choices[:5]],
        "figures": measured.figures,
        "people": {f"{group.grouping} {group.group}": group.shares for group in measured.groups},
    }
    (out / f"{name}.json").write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")
    return result


def calibration_inputs(data: Path, side: int, *, part: bool = False) -> list[Floats]:
    """Training pictures of both datasets, each (1, side, side, 1), to calibrate int8; `part` allows missing files."""
    rng, found = np.random.default_rng(0), []
    for pictures in (
        Fer2013(data / "fer2013", part=part).training().pictures,
        read_webfaces(data / "webfaces", part=part).training().pictures,
    ):
        rows = rng.choice(len(pictures), min(_CALIBRATED, len(pictures)), replace=False)
        found += [face_input(picture) for picture in resize_all(pictures[rows], side)]
    return found


def main() -> int:
    """Quantize the named stages; 1 and one line on a MienError."""
    parser = argparse.ArgumentParser(prog="python -m convert.face.student.quantize", description=__doc__)
    parser.add_argument("stages", nargs="+", choices=[stage.name for stage in STAGES])
    parser.add_argument("--runs", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    add_data(parser)
    arguments = parser.parse_args()
    try:
        for name in arguments.stages:
            quantize_stage(name, arguments.runs, arguments.data, arguments.out)
    except MienError as error:
        print(f"convert: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
