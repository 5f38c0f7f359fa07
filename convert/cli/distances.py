"""`python -m convert distances`."""

from argparse import ArgumentParser, Namespace

from convert.cli.arguments import add_data
from convert.cli.pair import add_arguments as add_folders

HELP = "measure how far clips are from the training clips of the voice networks"


def add_arguments(parser: ArgumentParser) -> None:
    """Add the step's arguments."""
    add_data(parser)
    add_folders(parser)


def run(arguments: Namespace) -> None:
    """Measure the distances and print a line per set of clips."""
    from convert.voice.novelty import measure_distances

    for line in measure_distances(arguments.data, arguments.models, arguments.predictions):
        print(line)
