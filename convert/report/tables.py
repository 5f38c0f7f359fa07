"""Building blocks of the report: Markdown tables, and numbers that several sections show."""

from collections.abc import Iterable

import numpy as np

from convert.evaluation.metrics import accuracy, calibration_error, calibration_floor, confusion, f1
from convert.evaluation.predictions import Predictions


def format_table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """A Markdown table; cells are converted by str."""
    head = list(head)
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    return "\n".join([*lines, *("| " + " | ".join(map(str, row)) + " |" for row in rows)]) + "\n"


def selective(probabilities: "np.ndarray", truth: "np.ndarray", minimum: float) -> tuple[float, float]:
    """Share of rows with a confidence of at least `minimum`, and their accuracy, in per cent."""
    selected = probabilities.max(axis=1) >= minimum
    return 100 * float(selected.mean()), accuracy(probabilities.argmax(axis=1)[selected], truth[selected])


def format_confusion(p: Predictions) -> str:
    """The confusion matrix, one row per label, with recall and F1."""
    counts = confusion(p.prediction, p.truth, len(p.classes))
    scores = f1(p.prediction, p.truth, len(p.classes))
    rows = [
        (name, *counts[i], f"{100 * counts[i, i] / max(counts[i].sum(), 1):.0f}", f"{100 * scores[i]:.0f}")
        for i, name in enumerate(p.classes)
    ]
    return format_table(("", *(c[:8] for c in p.classes), "recall %", "F1 %"), rows)


def format_calibration(probabilities: "np.ndarray", truth: "np.ndarray") -> str:
    """The calibration error of `probabilities` (n, k), and that of a perfectly calibrated network."""
    floor = calibration_floor(probabilities)
    return f"{calibration_error(probabilities, truth):.2f} ({floor:.2f} if perfectly calibrated)"
