"""`python -m convert pair`."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from convert.cli.arguments import MODELS
from convert.evaluation.predictions import SAVED_PREDICTIONS

HELP = "fit the exponents of the two voice networks on the saved predictions"


def add_arguments(parser: ArgumentParser) -> None:
    """Add the step's arguments."""
    parser.add_argument("--models", type=Path, default=MODELS)
    parser.add_argument("--predictions", "--answers", type=Path, default=SAVED_PREDICTIONS)


def run(arguments: Namespace) -> None:
    """Fit the exponents, write them on both cards, and print them."""
    from convert.voice.ensemble_weights import pair_up

    found = pair_up(arguments.models, arguments.predictions)
    for speakers, exponents in (("new speakers", found.new), ("known speakers", found.known)):
        for distance, (picture, prosody) in (("near", exponents.near), ("far", exponents.far)):
            print(f"{speakers}, {distance}: exponents {picture} for the picture, {prosody} for the prosody")
    print(f"half near, half far: at a distance of {found.half_at}")
