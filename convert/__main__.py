"""`python -m convert train face|voice`, `quantize`, `evaluate`: from a dataset to a model pair on the device."""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from device.errors import MienError

MODELS = Path(__file__).parents[1] / "device" / "models"
DATA = Path(__file__).parents[2] / "shared" / "data"


def _train(arguments: argparse.Namespace) -> None:
    from convert.training import train

    if arguments.network == "face":
        from convert.train_face import PLAN
        from convert.train_face import face_task as task_of
    else:
        from convert.train_voice import PLAN
        from convert.train_voice import voice_task as task_of
    asked = {"epochs": arguments.epochs, "threads": arguments.threads, "batch": arguments.batch}
    plan = replace(PLAN, **{name: value for name, value in asked.items() if value is not None})
    out = arguments.out or Path("runs") / arguments.network
    best = train(task_of(arguments.data, plan, arguments.rows), plan, out)
    print(f"{arguments.network}: best validation score {best:.2f}; weights in {out}/best.pt")


def _quantize(arguments: argparse.Namespace) -> None:
    from convert.card import quantize

    run = arguments.run_folder or Path("runs") / arguments.network
    print(quantize(arguments.network, run, arguments.data, arguments.out, arguments.rows))


def _evaluate(arguments: argparse.Namespace) -> None:
    from convert.evaluate import measure

    for network in arguments.networks or ["face", "voice"]:
        print(f"{network}: {arguments.models}/{network}.tflite")
        print(measure(network, arguments.data, arguments.models, arguments.rows))


def _framing(arguments: argparse.Namespace) -> None:
    from convert.framing import framing

    print(framing(arguments.data))


def _rehearse(arguments: argparse.Namespace) -> None:
    from convert.rehearse import rehearse

    source = rehearse(arguments.steps)
    if arguments.write:
        (MODELS.parent / "sense" / "stand_in" / "roles.py").write_text(source)


def main() -> int:
    """Run the named step; 1 and one line on a MienError."""
    parser = argparse.ArgumentParser(prog="python -m convert", description=__doc__)
    steps = parser.add_subparsers(required=True)
    step = steps.add_parser("train", help="train a network, resuming a run that was cut off")
    step.set_defaults(run=_train)
    step.add_argument("network", choices=["face", "voice"])
    step.add_argument("--data", type=Path, default=DATA, help="folder of the datasets (default: %(default)s)")
    step.add_argument("--out", type=Path, help="run folder (default: runs/NETWORK)")
    step.add_argument("--epochs", type=int)
    step.add_argument("--batch", type=int)
    step.add_argument("--threads", type=int)
    step.add_argument("--rows", type=int, help="only so many rows, for a quick check of the whole way")
    step = steps.add_parser("quantize", help="run folder -> int8 .tflite and its card, measured on the test split")
    step.set_defaults(run=_quantize)
    step.add_argument("network", choices=["face", "voice"])
    step.add_argument("--run", dest="run_folder", type=Path, help="run folder (default: runs/NETWORK)")
    step.add_argument("--data", type=Path, default=DATA)
    step.add_argument("--out", type=Path, default=MODELS, help="folder of the pair (default: %(default)s)")
    step.add_argument("--rows", type=int, help="only so many rows, for a quick check of the whole way")
    step = steps.add_parser("evaluate", help="measure the pairs on the test splits, through the device's code")
    step.set_defaults(run=_evaluate)
    step.add_argument("networks", nargs="*", help="face, voice (default: both)")
    step.add_argument("--data", type=Path, default=DATA)
    step.add_argument("--models", type=Path, default=MODELS)
    step.add_argument("--rows", type=int)
    step = steps.add_parser("framing", help="how FER2013 frames a face, and what detection and alignment cost")
    step.set_defaults(run=_framing)
    step.add_argument("--data", type=Path, default=DATA)
    step = steps.add_parser("rehearse", help="find the stand-in's poses and prosodies anew, for new networks")
    step.set_defaults(run=_rehearse)
    step.add_argument("--steps", type=int, default=150)
    step.add_argument("--write", action="store_true", help="write device/sense/stand_in/roles.py")
    arguments = parser.parse_args()
    try:
        arguments.run(arguments)
    except MienError as error:
        print(f"convert: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
