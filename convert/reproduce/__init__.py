"""`python -m convert compare`: every seed's recipe trained under its own protocol, and all of them in one table."""

import shutil
import time
from collections.abc import Sequence
from pathlib import Path

import torch

from convert.evaluation.predictions import SAVED_PREDICTIONS
from convert.reproduce.audiovisual import TOGETHER
from convert.reproduce.experiment import Experiment, Workspace
from convert.reproduce.faces import FACES
from convert.reproduce.report import write as write_report
from convert.reproduce.results import Result, load_result, save_result
from convert.reproduce.splits import Corpora
from convert.reproduce.videos import VIDEOS
from convert.reproduce.voices import VOICES
from device.errors import MienError, SettingsError

_DEAREST = ("b-cnn", "b-cnn-lstm", "b-face-as-it-was", "b-face-as-meant")

EXPERIMENTS: tuple[Experiment, ...] = tuple(
    # What others go on from stands before them in its file; the dearest are left for the end.
    sorted((*VIDEOS, *VOICES, *FACES, *TOGETHER), key=lambda r: _DEAREST.index(r.name) + 1 if r.name in _DEAREST else 0)
)
"""In the order in which they are trained."""


def compare(
    data: Path,
    out: Path,
    only: Sequence[str] | None = None,
    *,
    minutes: float | None = None,
    rows: int | None = None,
    page: Path | None = None,
    answers: Path = SAVED_PREDICTIONS,
    vggish: Path | None = None,
    threads: int = 1,
) -> Path:
    """Train every recipe that has no result in `out` yet, then write the page and return its path.

    Args:
        data: The folder of the datasets. A recipe whose data is not there is named in the page, with the reason.
        out: The run folder: one folder a recipe. What is finished there is not trained again.
        only: Names of recipes to train; the others appear with what they have.
        minutes: After so many, no further recipe is begun.
        rows: Only so many rows and two epochs, for a quick check of the whole way.
        page: The folder for the page and its pictures (default: `out`/page).
        answers: The folder of what Mien's own networks said (`report.OWN` names the files); its rows are told beside.
        vggish: VGGish's published weights as a PyTorch state dict; without it, a thinner network is trained.
        threads: CPU threads.

    Raises SettingsError for a recipe that does not exist.
    """
    names = [recipe.name for recipe in EXPERIMENTS]
    for name in only or ():
        if name not in names:
            raise SettingsError(f"compare: no recipe {name!r}; there are {', '.join(names)}")
    torch.set_num_threads(threads)
    until = time.monotonic() + 60 * minutes if minutes is not None else float("inf")
    bench = Workspace(Corpora(data, rows, Path("cache")), out, vggish)
    results: dict[str, Result] = {}
    missing: dict[str, str] = {}
    for recipe in EXPERIMENTS:
        result = load_result(out / recipe.name, rows)
        if result is not None:
            results[recipe.name] = result
        elif only and recipe.name not in only:
            missing[recipe.name] = "not asked for"
        elif time.monotonic() > until:
            missing[recipe.name] = f"{minutes:g} minutes were up"
        else:
            try:
                results[recipe.name] = _run(recipe, bench)
            except MienError as error:
                missing[recipe.name] = str(error)
                print(f"{recipe.name}: not trained: {error}", flush=True)
    return write_report(page or out / "page", out, EXPERIMENTS, results, missing, answers)


def _run(recipe: Experiment, bench: Workspace) -> Result:
    folder = bench.folder / recipe.name
    # What an earlier run on other rows left would be mixed with what this one leaves.
    shutil.rmtree(folder, ignore_errors=True)
    started = time.process_time()
    torch.manual_seed(1)  # the weights that a network begins with
    outcome = recipe.run(bench)
    result = save_result(recipe, outcome, time.process_time() - started, bench.rows, folder)
    print(f"{recipe.name}: validation {result.validation_accuracy}, test {result.test_accuracy}", flush=True)
    return result
