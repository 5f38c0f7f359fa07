"""`python -m convert evaluate`."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from convert.cli.arguments import MODELS, add_data

HELP = "run the committed networks on their test sets and write docs/REPORT.md"


def add_arguments(parser: ArgumentParser) -> None:
    """Add the step's arguments."""
    add_data(parser)
    parser.add_argument("--models", type=Path, default=MODELS)


def run(arguments: Namespace) -> None:
    """Write the report and print it."""
    from convert.report.page import write

    print(write(arguments.data, arguments.models))
