"""Where the benchmarks' answers lie, and the folds of one corpus put together. Needs no PyTorch."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from convert.evaluation.predictions import Predictions, concatenate, load_predictions
from convert.voice.protocols import PROSODY_RUNS, RUNS


@dataclass(frozen=True)
class VoicePredictions:
    """One protocol's answers: of each network, and of both; None where a network was not asked."""

    picture: Predictions | None
    stranger: Predictions | None
    """The prosodic network, of a speaker it has not heard."""
    known: Predictions | None
    """… whose clips it has heard, without their labels."""
    both_stranger: Predictions | None
    both_known: Predictions | None


Join = Callable[[Predictions, Predictions], Predictions]
"""How the answers of two networks become one: `multiplied` with some powers, or `cross_fitted`."""


def load_voice_predictions(
    folder: Path, pictures: str, prosodies: str, corpus: str, joined: Join | tuple[Join, Join], kind: str = ""
) -> VoicePredictions:
    """The answers of the runs whose names begin with `pictures` and `prosodies`, those for `corpus` put together.

    `joined` is one for strangers and one for the known, where these are not the same.
    """
    picture = load_runs(RUNS, pictures, folder, corpus + kind)
    joins = joined if isinstance(joined, tuple) else (joined, joined)
    stranger, known = (load_runs(PROSODY_RUNS, prosodies, folder, corpus + stage + kind) for stage in ("-stranger", ""))
    return VoicePredictions(
        picture,
        stranger,
        known,
        *(join(picture, one) if picture and one else None for join, one in zip(joins, (stranger, known), strict=True)),
    )


def load_runs(runs: Iterable[str], prefix: str, folder: Path, ending: str) -> Predictions | None:
    """The answers in `folder` of those `runs` whose names begin with `prefix`, put together; None where there are none.

    A file's name is the run's and, after a dash, the `ending`.
    """
    paths = [folder / f"{name}-{ending}.npz" for name in runs if name.startswith(prefix)]
    parts = [load_predictions(path) for path in paths if path.exists()]
    return concatenate(parts) if parts else None
