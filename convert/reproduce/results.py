"""The stored results of an experiment: numbers in result.json, predictions in .npz files beside it."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from convert.evaluation.metrics import accuracy, recall
from convert.evaluation.predictions import Predictions
from convert.reproduce.experiment import Experiment, Outcome
from convert.reproduce.training import Epoch


def second_guess_share(predictions: Predictions) -> float:
    """The share of errors in per cent whose truth was the second guess; 0 without errors."""
    wrong = predictions.select(predictions.prediction != predictions.truth)
    if not len(wrong.truth):
        return 0.0
    second = np.argsort(wrong.logits, axis=1)[:, -2]
    return 100 * float((second == wrong.truth).mean())


def count_confusions(predictions: Predictions) -> "np.ndarray":
    """(k, k) counts; rows are the truth."""
    k = len(predictions.classes)
    return np.bincount(predictions.truth * k + predictions.prediction, minlength=k * k).reshape(k, k)


@dataclass(frozen=True)
class Result:
    """A line of the table, as stored in result.json."""

    recipe: str
    rows: int | None
    parameters: int | None
    epochs: int
    cpu_s: float
    validation_accuracy: float
    test_accuracy: float
    test_uar: float
    test_count: int
    second_guess: float
    beside: dict[str, float]
    """Accuracy on other rows."""
    said: str
    log: list[Epoch]


def save_result(experiment: Experiment, outcome: Outcome, cpu_s: float, rows: int | None, folder: Path) -> Result:
    """Write a run into `folder`; result.json last, because it marks the rest as complete."""
    folder.mkdir(parents=True, exist_ok=True)
    outcome.validation.save(folder / "validation.npz")
    outcome.test.save(folder / "test.npz")
    for name, predictions in outcome.beside.items():
        predictions.save(folder / f"{name}.npz")
    if outcome.network is not None:
        torch.save(outcome.network.state_dict(), folder / "weights.pt")
    test = outcome.test
    result = Result(
        recipe=experiment.name,
        rows=rows,
        parameters=outcome.parameters,
        epochs=len(outcome.log),
        cpu_s=round(cpu_s, 1),
        validation_accuracy=round(accuracy(outcome.validation.prediction, outcome.validation.truth), 4),
        test_accuracy=round(accuracy(test.prediction, test.truth), 4),
        test_uar=round(recall(test.prediction, test.truth), 4),
        test_count=len(test.truth),
        second_guess=round(second_guess_share(test), 4),
        beside={name: round(accuracy(p.prediction, p.truth), 4) for name, p in outcome.beside.items()},
        said=outcome.note,
        log=outcome.log,
    )
    partial = folder / "result.partial"
    partial.write_text(json.dumps(asdict(result), indent=1) + "\n")
    partial.replace(folder / "result.json")
    return result


def load_result(folder: Path, rows: int | None) -> Result | None:
    """Load the result in `folder`, if a run on the same rows was finished there."""
    path = folder / "result.json"
    if not path.exists():
        return None
    result = Result(**json.loads(path.read_text()))
    return result if result.rows == rows else None
