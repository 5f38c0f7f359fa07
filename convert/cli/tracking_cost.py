"""`python -m convert tracking-cost`."""

from argparse import Namespace

from convert.cli.arguments import add_data as add_arguments

HELP = "measure the accuracy that tracking costs against detection in every frame"
__all__ = ["HELP", "add_arguments", "run"]


def run(arguments: Namespace) -> None:
    """Print accuracy and CPU time of both."""
    from convert.evaluation.tracking_cost import compare_tracking

    print(compare_tracking(arguments.data))
