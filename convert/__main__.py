"""`python -m convert train face|voice`, `quantize`, `evaluate`: from a dataset to a model pair on the device."""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from device.errors import MienError

DATA = Path(__file__).parents[2] / "shared" / "data"


def _train(arguments: argparse.Namespace) -> None:
    from convert.training import train

    if arguments.network == "face":
        from convert.train_face import PLAN, face_task as task_of
    else:
        from convert.train_voice import PLAN, voice_task as task_of
    asked = {"epochs": arguments.epochs, "threads": arguments.threads, "batch": arguments.batch}
    plan = replace(PLAN, **{name: value for name, value in asked.items() if value is not None})
    out = arguments.out or Path("runs") / arguments.network
    best = train(task_of(arguments.data, plan, arguments.rows), plan, out)
    print(f"{arguments.network}: best validation score {best:.2f}; weights in {out}/best.pt")


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
    arguments = parser.parse_args()
    try:
        arguments.run(arguments)
    except MienError as error:
        print(f"convert: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
