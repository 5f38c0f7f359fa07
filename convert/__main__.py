"""`python -m convert STEP`: from datasets to the models on the device."""

import argparse
import sys

from convert.cli.steps import STEPS
from device.errors import MienError

_OLD_NAMES = {"reach": "detection-range", "looking": "tracking-cost", "rehearse": "simulator"}


def main() -> int:
    """Run the named step; returns 1 after one line on a MienError."""
    parser = argparse.ArgumentParser(prog="python -m convert", description=__doc__)
    subparsers = parser.add_subparsers(required=True)
    for name, step in STEPS.items():
        subparser = subparsers.add_parser(name, help=step.help)
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
