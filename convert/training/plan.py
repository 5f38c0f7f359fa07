"""How long and how hard a network trains. Needs no PyTorch."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Plan:
    """The settings of one training run. `run.json` stores them under the fields' names."""

    epochs: int
    batch: int
    learning_rate: float
    weight_decay: float
    seed: int = 1
    threads: int = 0
    """CPU threads; 0 leaves the number to PyTorch."""
    rows: int = 0
    """Train on this many rows only, for a quick check; 0: all."""
