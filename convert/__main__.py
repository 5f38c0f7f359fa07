"""`python -m convert STEP`: from datasets to the models on the device. Each step is a file in convert/cli."""

import argparse
import sys

from convert.cli import (
    benchmark,
    compare,
    detection_range,
    distances,
    evaluate,
    framing,
    pair,
    quantize,
    simulator,
    tracking_cost,
    train,
)
from device.errors import MienError

STEPS = {
    "train": train,
    "quantize": quantize,
    "distances": distances,
    "pair": pair,
    "benchmark": benchmark,
    "evaluate": evaluate,
    "compare": compare,
    "framing": framing,
    "detection-range": detection_range,
    "tracking-cost": tracking_cost,
    "simulator": simulator,
}
_OLD_NAMES = {"reach": "detection-range", "looking": "tracking-cost", "rehearse": "simulator"}


def main() -> int:
    """Run the named step; returns 1 after one line on a MienError."""
    parser = argparse.ArgumentParser(prog="python -m convert", description=__doc__)
    subparsers = parser.add_subparsers(required=True)
    for name, step in STEPS.items():
        subparser = subparsers.add_parser(name, help=step.HELP)
        subparser.set_defaults(run=step.run)
        step.add_arguments(subparser)
    words = sys.argv[1:]
    words[:1] = [_OLD_NAMES.get(name, name) for name in words[:1]]
    arguments = parser.parse_args(words)
    try:
        arguments.run(arguments)
    except MienError as error:
        print(f"convert: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
