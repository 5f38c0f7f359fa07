"""`python -m convert benchmark`."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from convert.cli.arguments import add_data, add_rows, folder, output_folder
from convert.evaluation.predictions import SAVED_PREDICTIONS

HELP = "run the networks of the voice protocols on their test clips and save the predictions"


def add_arguments(parser: ArgumentParser) -> None:
    """Add the step's arguments."""
    parser.add_argument("names", nargs="*", help="runs (default: all)")
    add_data(parser)
    where = f"{SAVED_PREDICTIONS}; with --rows runs/quick/saved_predictions"
    parser.add_argument("--out", type=folder, help=f"folder of the predictions ({where})")
    add_rows(parser)


def run(arguments: Namespace) -> None:
    """Benchmark the runs and print the files that were written."""
    from convert.voice.benchmark import benchmark
    from convert.voice.protocols import PROSODY_RUNS, RUNS, WORD_RUNS

    benchmarks = [name for name in {**RUNS, **PROSODY_RUNS, **WORD_RUNS} if name not in ("voice", "prosody")]
    out = output_folder(arguments.out, SAVED_PREDICTIONS, arguments.rows)
    for name in arguments.names or benchmarks:
        for path in benchmark(name, arguments.data, Path("runs"), out, arguments.rows):
            print(path)
