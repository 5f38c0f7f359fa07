"""`python -m convert framing`."""

from argparse import Namespace

from convert.cli.arguments import add_data as add_arguments

HELP = "measure how FER2013 frames a face, and what detection and alignment cost"
__all__ = ["HELP", "add_arguments", "run"]


def run(arguments: Namespace) -> None:
    """Print the measurements."""
    from convert.face.framing import measure_framing

    print(measure_framing(arguments.data))
