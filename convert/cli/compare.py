"""`python -m convert compare`."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from convert.cli.arguments import add_data, add_rows, folder, output_folder, positive

HELP = "train the networks of the earlier projects; tables and plots of all of them"
_PAGE = Path("docs/compare")


def add_arguments(parser: ArgumentParser) -> None:
    """Add the step's arguments."""
    parser.add_argument("--only", nargs="+", metavar="EXPERIMENT", help="train these; the others keep their results")
    add_data(parser)
    parser.add_argument("--out", type=folder, default=Path("runs/compare"), help="run folder (default: %(default)s)")
    parser.add_argument("--page", type=folder, help=f"folder of the page ({_PAGE}; with --rows runs/quick/compare)")
    parser.add_argument("--minutes", type=positive, help="start no further experiment after this time")
    add_rows(parser)
    parser.add_argument("--vggish", type=Path, help="VGGish's published weights as a PyTorch state dict")


def run(arguments: Namespace) -> None:
    """Train what has no result yet, write the page, and print its path."""
    from convert.reproduce import compare

    page = compare(
        arguments.data,
        arguments.out,
        arguments.only,
        minutes=arguments.minutes,
        rows=arguments.rows,
        page=output_folder(arguments.page, _PAGE, arguments.rows),
        vggish=arguments.vggish,
    )
    print(page)
