"""`python -m convert detection-range`."""

from argparse import ArgumentParser, Namespace

from convert.cli.arguments import add_data, non_negative_int

HELP = "measure how far away faces are detected, and how often in an empty room"


def add_arguments(parser: ArgumentParser) -> None:
    """Add the step's arguments."""
    add_data(parser)
    parser.add_argument("--seed", type=non_negative_int, default=1, help="seed of the empty rooms (%(default)s)")


def run(arguments: Namespace) -> None:
    """Print the table."""
    from convert.evaluation.detection_range import measure_range

    print(measure_range(arguments.data, seed=arguments.seed))
