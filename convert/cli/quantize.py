"""`python -m convert quantize NETWORK`."""

from argparse import ArgumentParser, Namespace
from importlib import import_module
from pathlib import Path

from convert.cli.arguments import MODELS, add_data, add_rows, folder, output_folder, require_full_run

HELP = "run folder -> int8 .tflite and its card, measured on the test split"
_MODULES = {"face": "face", "face-as-published": "face", "voice": "voice", "prosody": "voice"}


def add_arguments(parser: ArgumentParser) -> None:
    """Add the step's arguments."""
    parser.add_argument("network", choices=_MODULES)
    parser.add_argument("--run", dest="run_folder", type=Path, help="run folder (default: runs/NETWORK)")
    add_data(parser)
    parser.add_argument("--out", type=folder, help=f"folder of the pair ({MODELS}; with --rows runs/quick/models)")
    add_rows(parser)


def run(arguments: Namespace) -> None:
    """Quantize the network and print what was measured, in per cent."""
    network, rows = arguments.network, arguments.rows
    quantize = import_module(f"convert.{_MODULES[network]}.quantize").quantize
    run_folder = arguments.run_folder or Path("runs") / network
    out = output_folder(arguments.out, MODELS, rows)
    require_full_run(run_folder, out, MODELS)
    for title, value in quantize(network, run_folder, arguments.data, out, rows).items():
        print(f"{title}: {value:.2f}")
    if rows is not None:
        print(f"{network}: a quick check, written to {out}")
