"""`python -m convert STEP`: from datasets to the models on the device."""

import argparse
import sys
from importlib import import_module

from device.errors import MienError

STEPS = (
    *("train", "quantize", "distances", "pair", "benchmark", "evaluate", "compare"),
    *("framing", "detection-range", "tracking-cost", "simulator"),
)
"""Each is the file of this name in convert/cli."""
_OLD_NAMES = {"reach": "detection-range", "looking": "tracking-cost", "rehearse": "simulator"}


def main() -> int:
    """Run the named step; returns 1 after one line on a MienError."""
    parser = argparse.ArgumentParser(prog="python -m convert", description=__doc__)
    subparsers = parser.add_subparsers(required=True)
    for name in STEPS:
        step = import_module(f"convert.cli.{name.replace('-', '_')}")
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
