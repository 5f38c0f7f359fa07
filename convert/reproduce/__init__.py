"""`python -m convert compare`: trains every seed's networks under its own protocol and compares all of them."""

import shutil
import time
from collections.abc import Sequence
from pathlib import Path

import torch

from convert.evaluation.predictions import SAVED_PREDICTIONS
from convert.reproduce.audiovisual import AUDIOVISUAL
from convert.reproduce.experiment import Experiment, Workspace
from convert.reproduce.faces import FACES
from convert.reproduce.report import write as write_report
from convert.reproduce.results import Result, load_result, save_result
from convert.reproduce.splits import Corpora
from convert.reproduce.videos import VIDEOS
from convert.reproduce.voices import VOICES
from device.errors import MienError, SettingsError

_EXPENSIVE = ("b-cnn", "b-cnn-lstm", "b-face-as-it-was", "b-face-as-meant")

EXPERIMENTS: tuple[Experiment, ...] = tuple(
    # Experiments that others build on come first in their file; the most expensive ones come last.
    sorted(
        (*VIDEOS, *VOICES, *FACES, *AUDIOVISUAL),
        key=lambda r: _EXPENSIVE.index(r.name) + 1 if r.name in _EXPENSIVE else 0,
    )
)
"""In training order."""


def compare(
    data: Path,
    out: Path,
    only: Sequence[str] | None = None,
    *,
    minutes: float | None = None,
    rows: int | None = None,
    page: Path | None = None,
    predictions: Path = SAVED_PREDICTIONS,
    vggish: Path | None = None,
    threads: int = 1,
) -> Path:
    """Train every experiment that has no result in `out` yet, write the page, and return its path.

    Args:
        data: The folder of the datasets. An experiment without its data is listed on the page with the reason.
        out: The run folder, with one folder per experiment. Finished ones are not trained again.
        only: Names of experiments to train; the others keep their results.
        minutes: Start no further experiment after this time.
        rows: Use this many rows and two epochs only, for a quick check.
        page: The folder for the page and its plots (default: `out`/page).
        predictions: The folder of Mien's own predictions (`report.OWN` names the files), which the page also shows.
        vggish: VGGish's published weights as a PyTorch state dict; without it, a thinner network is trained.
        threads: CPU threads.

    Raises SettingsError for an unknown experiment.
    """
    names = [experiment.name for experiment in EXPERIMENTS]
    for name in only or ():
        if name not in names:
            raise SettingsError(f"compare: no experiment {name!r}; there are {', '.join(names)}")
    torch.set_num_threads(threads)
    deadline = time.monotonic() + 60 * minutes if minutes is not None else float("inf")
    workspace = Workspace(Corpora(data, rows, Path("cache")), out, vggish)
    results: dict[str, Result] = {}
    missing: dict[str, str] = {}
    for experiment in EXPERIMENTS:
        result = load_result(out / experiment.name, rows)
        if result is not None:
            results[experiment.name] = result
        elif only and experiment.name not in only:
            missing[experiment.name] = "not selected"
        elif time.monotonic() > deadline:
            missing[experiment.name] = f"not started within {minutes:g} minutes"
        else:
            try:
                results[experiment.name] = _run(experiment, workspace)
            except MienError as error:
                missing[experiment.name] = str(error)
                print(f"{experiment.name}: not trained: {error}", flush=True)
    return write_report(page or out / "page", out, EXPERIMENTS, results, missing, predictions)


def _run(experiment: Experiment, workspace: Workspace) -> Result:
    folder = workspace.folder / experiment.name
    # Results of an earlier run on other rows must not be mixed with the new ones.
    shutil.rmtree(folder, ignore_errors=True)
    started = time.process_time()
    torch.manual_seed(1)  # the initial weights of a network
    outcome = experiment.run(workspace)
    result = save_result(experiment, outcome, time.process_time() - started, workspace.rows, folder)
    print(f"{experiment.name}: validation {result.validation_accuracy}, test {result.test_accuracy}", flush=True)
    return result
