"""`mien models list / fetch`."""

import argparse
import json

import msgspec

from device.commands.fetch import fetch
from device.sense.model import MODELS, PAIRS, Model


def run(arguments: argparse.Namespace) -> int:
    """Load, check and describe the model pairs in use; or fetch the face detectors."""
    if arguments.what == "fetch":
        fetched = fetch()
        print(f"face detectors: fetched {', '.join(fetched)}" if fetched else "face detectors: there already")
        return 0
    cards = [Model(name).card for name in PAIRS]
    if arguments.json:
        print(json.dumps([msgspec.to_builtins(card) for card in cards]))
        return 0
    for card in cards:
        print(f"{card.name} {card.version}  {MODELS / card.name}.tflite  sha256 {card.sha256[:16]}…")
        print(f"  reads {card.input}")
        for corpus in card.corpora:
            print(f"  learned from {corpus.name} ({corpus.licence})")
        for what, value in card.accuracy.items():
            print(f"  {what}: {value:.1f} %")
        sure = f"{100 * card.unknown_below:.0f} %"
        print(f"  from {sure} sure on, three of four answers are right (mood.least_confidence)")
        print(f"  {card.limits}")
    return 0
