"""Pieces of the report: tables in Markdown, and figures that more than one section gives."""

from collections.abc import Iterable

import numpy as np

from convert.evaluation.metrics import accuracy, calibration_error, calibration_floor, confusion, f1
from convert.evaluation.predictions import Predictions


def format_table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """Markdown; a cell is what str makes of it."""
    head = list(head)
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    return "\n".join([*lines, *("| " + " | ".join(map(str, row)) + " |" for row in rows)]) + "\n"


def selective(chances: "np.ndarray", truth: "np.ndarray", least: float) -> tuple[float, float]:
    """Share of answers at or over `least`, and the accuracy of these, in per cent."""
    given = chances.max(axis=1) >= least
    return 100 * float(given.mean()), accuracy(chances.argmax(axis=1)[given], truth[given])


def format_confusion(p: Predictions) -> str:
    """The confusion matrix, a row a label, with recall and F1."""
    counts = confusion(p.prediction, p.truth, len(p.classes))
    scores = f1(p.prediction, p.truth, len(p.classes))
    rows = [
        (name, *counts[i], f"{100 * counts[i, i] / max(counts[i].sum(), 1):.0f}", f"{100 * scores[i]:.0f}")
        for i, name in enumerate(p.classes)
    ]
    return format_table(("", *(c[:8] for c in p.classes), "recall %", "F1 %"), rows)


def format_calibration(chances: "np.ndarray", truth: "np.ndarray") -> str:
    """The calibration error of `chances` (n, k), and what a perfectly calibrated network shows on so few rows."""
    return f"{calibration_error(chances, truth):.2f} ({calibration_floor(chances):.2f} when nothing is wrong)"
