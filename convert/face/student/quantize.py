"""Prepares a stage's network for the device: merges its heads, quantizes it to int8, and measures it on strangers.

python -m convert.face.student.quantize STAGE --runs FOLDER --out FOLDER
"""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np

from convert.arguments import add_data
from convert.datasets.pictures.fer2013 import Fer2013
from convert.export.tflite import BothHeads, export_int8
from convert.face.student.choose_heads import choose_heads, predict_validation
from convert.face.student.data import count_prior, read_webfaces
from convert.face.student.network import HeadMix, merge_heads
from convert.face.student.resize import resize_all
from convert.face.student.stages import STAGES, load_stage
from convert.face.student.strangers import THRESHOLD, measure_strangers, read_stranger_sets
from device.emotions import Floats
from device.errors import MienError
from device.perception.face.classifier import face_input
from device.perception.tflite import Network

_CALIBRATED = 700


def quantize_stage(name: str, runs: Path, data: Path, out: Path) -> dict[str, object]:
    """Write `out`/NAME.tflite and NAME.json, which records how it was chosen and its figures."""
    stage = next(stage for stage in STAGES if stage.name == name)
    network = load_stage(name, runs)
    log_prior = count_prior(Fer2013(data / "fer2013").training().labels).log()
    public, portraits = predict_validation(network, data, stage.side)
    fixed = None
    if not stage.webfaces:
        fixed = HeadMix()  # as published: FER2013's labels only
    elif stage.fer2013 == "none":
        fixed = HeadMix(fer2013=0.0, webfaces=1.0, prior=0.0)
    choices = choose_heads(public, portraits, log_prior, THRESHOLD, fixed)
    best = choices[0]
    merged = merge_heads(network, best.mix, log_prior)
    shape = (1, stage.side, stage.side, 1)
    content, _ = export_int8(BothHeads(merged), shape, calibration_inputs(data, stage.side))
    out.mkdir(parents=True, exist_ok=True)
    (out / f"{name}.tflite").write_bytes(content)
    measured = measure_strangers(Network(content, name), read_stranger_sets(data), best.temperature)
    print(measured.as_text(), flush=True)
    result: dict[str, object] = {
        "stage": name,
        "bytes": len(content),
        "chosen on validation": [{**asdict(choice), "score": choice.score} for choice in choices[:5]],
        "figures": measured.figures,
        "people": {f"{group.grouping} {group.group}": group.shares for group in measured.groups},
    }
    (out / f"{name}.json").write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")
    return result


def calibration_inputs(data: Path, side: int) -> list[Floats]:
    """Training pictures of both datasets, each (1, side, side, 1), to calibrate int8."""
    rng, found = np.random.default_rng(0), []
    for pictures in (
        Fer2013(data / "fer2013").training().pictures,
        read_webfaces(data / "webfaces").training().pictures,
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
