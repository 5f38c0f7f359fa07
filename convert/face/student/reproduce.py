"""From the datasets to the next face network, in one command that resumes: `python -m convert reproduce face`."""

from collections.abc import Callable
from pathlib import Path

from convert.face.student.ship import ship_stage
from convert.face.student.stages import CHAIN, FROM_NOTHING_CHAIN, find_stage, is_done, run_stage


def list_stages(runs: Path, *, from_nothing: bool = False) -> list[str]:
    """A line about each stage: its epochs, and either the hours to expect or that it is done."""
    lines = []
    for name in _chain(from_nothing=from_nothing):
        stage = find_stage(name)
        start = f"starts from {stage.start or 'random weights'}"
        left = "done" if is_done(name, runs) else f"about {stage.hours} h on one core"
        lines.append(f"{name}: {stage.plan.epochs} epochs, {start}; {left}")
    return lines


def reproduce_face(
    data: Path,
    runs: Path,
    out: Path,
    rows: int | None = None,
    *,
    from_nothing: bool = False,
    say: Callable[[str], None] = print,
) -> dict[str, float]:
    """Train what is left of the chain in `runs`, then write face.tflite and its card to `out`; returns its figures.

    The chain starts from a committed network (`shipped.FER2013_ONLY`); with `from_nothing`, from random weights. `rows`
    limits each dataset, for a quick check.
    """
    for line in list_stages(runs, from_nothing=from_nothing):
        say(line)
    chain = _chain(from_nothing=from_nothing)
    for name in chain:
        if not is_done(name, runs):
            say(f"{name}: best validation score {run_stage(find_stage(name), runs, data, rows):.2f}")
    return ship_stage(chain[-1], runs, data, out, rows)


def _chain(*, from_nothing: bool) -> tuple[str, ...]:
    return FROM_NOTHING_CHAIN if from_nothing else CHAIN
