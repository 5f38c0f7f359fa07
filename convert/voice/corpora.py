"""The corpora that teacher and student train on, by name."""

from pathlib import Path

from convert.datasets.speech.clips import Clip, read_corpus
from convert.datasets.speech.orders import read_orders

LABELLED = ("ravdess_speech", "ravdess_song", "savee", "tess", "nemo", "ased")
CORPORA = (*LABELLED, "orders")


def read_clips(data: Path, corpus: str, cache: Path) -> list[Clip]:
    """The clips of a labelled corpus or of the orders, always in the same order."""
    if corpus == "orders":
        return read_orders(data / "speech", cache)
    return read_corpus(data / "speech", corpus, cache)
