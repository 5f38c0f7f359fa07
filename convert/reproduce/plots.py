"""Draws learning curves and confusion matrices as small PNGs."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np

from convert.evaluation.predictions import Predictions
from convert.reproduce.results import count_confusions
from convert.reproduce.training import Epoch

mpl.use("Agg")
from matplotlib import pyplot as plt

_DPI = 64


def _grid(count: int, columns: int, width: float, height: float) -> tuple[Any, list[Any]]:
    columns = min(columns, count)
    rows = -(-count // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(columns * width, rows * height), squeeze=False)
    flat = list(axes.flat)
    for unused in flat[count:]:
        unused.axis("off")
    return figure, flat


def draw_curves(logs: Mapping[str, Sequence[Epoch]], path: Path) -> None:
    """Accuracy in per cent on training (dashed, with dropout) and validation, one small plot per experiment."""
    figure, axes = _grid(len(logs), 5, 2.6, 2.0)
    for axis, (name, log) in zip(axes, logs.items(), strict=False):
        epochs = [line["epoch"] for line in log]
        marker = "o" if len(log) == 1 else ""
        axis.plot(epochs, [line["accuracy"] for line in log], "--", marker=marker, color="0.55", label="training")
        axis.plot(epochs, [line["validation_accuracy"] for line in log], marker=marker, color="C0", label="validation")
        axis.set(title=name, ylim=(0, 100))
        axis.title.set_fontsize(9)
        axis.tick_params(labelsize=7)
        axis.grid(alpha=0.3)
    axes[0].legend(fontsize=7, frameon=False)
    _save(figure, path)


def draw_confusions(predictions_by_name: Mapping[str, Predictions], path: Path) -> None:
    """Row-wise shares in per cent, with the truth in rows, one matrix per experiment."""
    figure, axes = _grid(len(predictions_by_name), 4, 3.1, 3.1)
    for axis, (name, predictions) in zip(axes, predictions_by_name.items(), strict=False):
        counts = count_confusions(predictions)
        shares = 100 * counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        axis.imshow(shares, cmap="Blues", vmin=0, vmax=100)
        for (i, j), share in np.ndenumerate(shares):
            if share >= 0.5:
                axis.text(
                    j, i, f"{share:.0f}", ha="center", va="center", fontsize=7, color="white" if share > 55 else "0.2"
                )
        short = [c[:4] for c in predictions.classes]
        axis.set_xticks(range(len(short)), short, fontsize=7)
        axis.set_yticks(range(len(short)), short, fontsize=7)
        axis.set_title(name, fontsize=9)
    _save(figure, path)


def _save(figure: Any, path: Path) -> None:  # noqa: ANN401 - matplotlib is not in the environment that checks types
    figure.tight_layout()
    figure.savefig(path, dpi=_DPI, metadata={"Software": None})
    plt.close(figure)
