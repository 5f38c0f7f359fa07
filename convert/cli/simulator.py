"""`python -m convert simulator`."""

from argparse import ArgumentParser, Namespace

from convert.cli.arguments import MODELS, positive_int

HELP = "search the simulator's poses and prosodies again, for new networks"


def add_arguments(parser: ArgumentParser) -> None:
    """Add the step's arguments."""
    parser.add_argument("--steps", type=positive_int, default=150, help="tries per emotion (default: %(default)s)")
    parser.add_argument("--write", action="store_true", help="write device/sense/simulator/poses.py")


def run(arguments: Namespace) -> None:
    """Search, and write the source if asked to."""
    from convert.simulator import search_poses

    source = search_poses(arguments.steps)
    if arguments.write:
        (MODELS.parent / "sense" / "simulator" / "poses.py").write_text(source)
