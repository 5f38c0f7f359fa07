"""Writes the comparison as a page: a table per task, C's 98 %, second guesses, learning curves and confusions."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from convert.evaluation.metrics import accuracy, recall
from convert.evaluation.predictions import Predictions, concatenate, load_predictions
from convert.evaluation.shipped import FERPLUS_CLASSES
from convert.reproduce.experiment import Experiment
from convert.reproduce.faces import TRAINED_ON
from convert.reproduce.results import Result, count_confusions
from convert.reproduce.splits import FERPLUS
from convert.voice.ensemble_weights import join_by_halves

TASKS = {
    "fer2013": "Faces: FER2013, trained on Training, selected on PublicTest, tested on PrivateTest as published",
    "ferplus-5": "Faces: FER+, five classes, tested on PrivateTest by the majority",
    "ferplus-7": "Faces: FER+, seven classes, tested on PrivateTest by the majority",
    "ferplus-8": "Faces: FER+, eight classes, tested on PrivateTest by the majority",
    "cremad-video": "Faces in video: CREMA-D, six classes",
    "tess": "Voices: TESS, seven classes, random 60/20/20",
    "savee": "Voices: SAVEE, seven classes, random: 25 % test, 15 % validation",
    "ravdess-six": "Voices: RAVDESS speech in CREMA-D's six classes, random 60/20/20",
    "ravdess-speech": "Voices: RAVDESS speech, eight classes, random 60/20/20",
    "ravdess-song": "Voices: RAVDESS song, six of the eight classes, random 60/20/20",
    "ravdess-both": "Voices: RAVDESS speech and song, eight classes, random 60/20/20",
    "faces-and-voices": "Face and voice: RAVDESS speech, each clip with a face of the same emotion, eight classes",
}
"""Every task of an experiment, in the page's order."""

OWN: dict[str, tuple[tuple[str, ...], ...]] = {
    "fer2013": (("face-as-published",),),
    **{f"ferplus-{count}": (("face-as-published-ferplus",),) for count in (5, 7, 8)},
    "tess": (("voice-random-tess", "prosody-random-tess-tess"),),
    "savee": (("voice-random-savee", "prosody-random-savee-savee"),),
    "ravdess-six": (("voice-random-ravdess_speech", "prosody-random-ravdess-ravdess_speech"),),
    "ravdess-speech": (("voice-random-ravdess_speech", "prosody-random-ravdess-ravdess_speech"),),
    "ravdess-song": (("voice-random-ravdess_song", "prosody-random-ravdess-ravdess_song"),),
    "ravdess-both": (
        ("voice-random-ravdess_speech", "prosody-random-ravdess-ravdess_speech"),
        ("voice-random-ravdess_song", "prosody-random-ravdess-ravdess_song"),
    ),
}
"""The saved predictions of Mien's own networks under the same protocol, by task.

Two names are the two networks that read a voice; their predictions are combined with exponents fitted on every other
clip."""

_HEAD = """# The five seeds, trained again

Written by `python -m convert compare`. Every network of the five student projects is defined in `convert/reproduce/`
with the number of parameters that its report prints, and was trained here under its own protocol on the data that is
available. Training was short (the table has the epochs; CPU seconds are of one shared core), so a seed that trained
longer may well be more accurate. Numbers are accuracies on the test rows in per cent, ± half of the 95 % interval; UAR
is the mean over the classes. The best of a task is chosen **by validation**, and marked.

Random splits of acted speech put the same speakers and the same sentences into training and test. They are here because
the seeds used them; they say nothing about a new speaker at home.
Mien reads voices with two networks, one of which has heard each speaker's clips before, without labels. They are
combined with exponents fitted on every other clip (docs/REPORT.md also has them separately, and on new speakers). For a
network with more classes than a task, the likeliest of the task's classes counts.
"""

_ALIGN = "|---|---:|---:|---:|---:|---:|---:|---|---|"
_COLUMNS = (
    "| experiment | parameters | epochs | CPU s | validation | test | UAR | its report | what was done |\n" + _ALIGN
)


def half_width(percent: float, count: int) -> float:
    """Half of the 95 % interval of a share in per cent of `count` rows (normal approximation)."""
    share = percent / 100
    return 196 * math.sqrt(share * (1 - share) / max(count, 1))


def _format_row(experiment: Experiment, result: Result, *, best: bool) -> str:
    name = f"**{experiment.name}** (best on validation)" if best else experiment.name
    test = f"{result.test_accuracy:.1f} ± {half_width(result.test_accuracy, result.test_count):.1f}"
    about = f"{experiment.about}; {result.said}" if result.said else experiment.about
    parameters = f"{result.parameters:,}" if result.parameters else "–"
    cells = (
        name,
        parameters,
        result.epochs or "–",
        f"{result.cpu_s:.0f}",
        f"{result.validation_accuracy:.1f}",
        test,
        f"{result.test_uar:.1f}",
        experiment.printed,
        about,
    )
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def _format_own_row(task: str, folder: Path, test: Predictions | None) -> str:
    """Mien's own network on those rows of `test` for which it has predictions."""
    parts = OWN.get(task, ())
    paths = [folder / f"{name}.npz" for part in parts for name in part]
    if test is None or not paths or not all(path.exists() for path in paths):
        return "| *Mien* | | | | | not measured yet | | | |"
    loaded = [[load_predictions(folder / f"{name}.npz") for name in part] for part in parts]
    own = concatenate([join_by_halves(*part) if len(part) > 1 else part[0] for part in loaded])
    own = restrict_classes(own.select(np.isin(own.names, test.names)), test.classes)
    count, right = len(own.truth), accuracy(own.prediction, own.truth)
    rows = "the same rows" if count == len(test.truth) else f"{count:,} of the {len(test.truth):,} rows"
    measured = f"{right:.1f} ± {half_width(right, count):.1f} | {recall(own.prediction, own.truth):.1f}"
    return f"| *Mien* | | | | | {measured} | | {rows}; {', '.join(path.name for path in paths)} |"


def restrict_classes(predictions: Predictions, classes: tuple[str, ...]) -> Predictions:
    """Choose the likeliest of fewer `classes`; rows of other classes are left out."""
    spelt = dict(zip(FERPLUS_CLASSES, FERPLUS, strict=True))
    predictions = replace(predictions, classes=tuple(spelt.get(name, name) for name in predictions.classes))
    if classes == predictions.classes or not set(classes) <= set(predictions.classes):
        return predictions
    columns = [predictions.classes.index(name) for name in classes]
    places = np.full(len(predictions.classes), -1)
    places[columns] = np.arange(len(classes))
    allowed = predictions.select(places[predictions.truth] >= 0)
    return replace(allowed, classes=classes, logits=allowed.logits[:, columns], truth=places[allowed.truth])


def find_best(results: Mapping[str, Result], experiments: Sequence[Experiment]) -> str | None:
    """The experiment with the highest validation accuracy, None when none was trained."""
    done = [r.name for r in experiments if r.name in results]
    return max(done, key=lambda name: results[name].validation_accuracy) if done else None


def write(
    folder: Path,
    runs: Path,
    experiments: Sequence[Experiment],
    results: Mapping[str, Result],
    missing: Mapping[str, str],
    predictions: Path,
) -> Path:
    """Write the page, its texts and its plots into `folder`.

    `missing` says why an experiment has no result; `predictions` is the folder of Mien's own predictions.
    """
    folder.mkdir(parents=True, exist_ok=True)
    sections = [_HEAD]
    for task, title in TASKS.items():
        ours = [experiment for experiment in experiments if experiment.task == task]
        best = find_best(results, ours)
        lines = [_format_row(r, results[r.name], best=r.name == best) for r in ours if r.name in results]
        lines += [
            f"| {r.name} | | | | | not trained | | {r.printed} | {missing[r.name]} |" for r in ours if r.name in missing
        ]
        test = next((load_predictions(runs / r.name / "test.npz") for r in ours if r.name in results), None)
        rows = f" ({len(test.truth):,} test rows)" if test else ""
        sections.append(
            "\n".join([f"## {title}{rows}", "", _COLUMNS, *lines, _format_own_row(task, predictions, test)]) + "\n"
        )
    sections += [_write_memorization(results), _write_noise(results), _write_second_guesses(experiments, results)]
    done = [experiment for experiment in experiments if experiment.name in results]
    sections.append(_draw_plots(folder, runs, done, results))
    texts = [
        _format_confusion(experiment, load_predictions(runs / experiment.name / "test.npz")) for experiment in done
    ]
    (folder / "confusions.md").write_text("# Confusions of the test rows (rows are the truth)\n\n" + "\n".join(texts))
    page = folder / "README.md"
    page.write_text("\n".join(section for section in sections if section))
    return page


def _write_memorization(results: Mapping[str, Result]) -> str:
    result = results.get("c-face")
    if result is None or TRAINED_ON not in result.beside:
        return ""
    return f"""## C's 98 %

The same network, the same weights, after {result.epochs} epochs:

| tested on | accuracy |
|---|---:|
| its own training rows | **{result.beside[TRAINED_ON]:.1f}** |
| PublicTest, not in training | {result.validation_accuracy:.1f} |
| PrivateTest, not in training | {result.test_accuracy:.1f} |

So a number near 98 on FER2013 needs no flaw in the network: it is tested on rows that it memorized.
"""


_NOISE = {
    "e-lstm-speech": "sound alone: the LSTM",
    "e-vggish-mlp-speech": "sound alone: embeddings",
    "e-visual": "pictures alone, as E trained them",
    "e-visual-mended": "pictures alone: cross-entropy and Adam, otherwise the same",
    "e-concatenated": "(1) embeddings and the features of e-visual in one MLP",
    "e-concatenated-mended": "(1) with the seven scaled outputs of a network that reads faces",
    "e-joint": "(2) both networks trained together",
    "e-late": "each network trained alone, probabilities multiplied",
}


def _write_noise(results: Mapping[str, Result]) -> str:
    done = {name: what for name, what in _NOISE.items() if name in results}
    if "e-visual" not in results:
        return ""
    lines = [
        f"| {name} | {what} | {results[name].validation_accuracy:.1f} | {results[name].test_accuracy:.1f} |"
        for name, what in done.items()
    ]
    head = """## Why E's pictures were noise

While a softmax is still undecided, the gradient of the squared error is less than a twentieth of cross-entropy's (a
test checks this); with 95 plain steps of 0.01 the visual network stays where it started. Its poolings with stride 1
keep 119×119×16 numbers of a picture, so thousands of meaningless numbers are concatenated with the sound. Below, one
thing changes at a time. The pictures are FER2013's, paired by emotion: these rows show what was wrong with the
method, not what RAVDESS's video would give.

| experiment | what | validation | test |
|---|---|---:|---:|"""
    return "\n".join([head, *lines]) + "\n"


def _write_second_guesses(experiments: Sequence[Experiment], results: Mapping[str, Result]) -> str:
    faces = [r for r in experiments if r.task == "fer2013" and r.name in results]
    if not faces:
        return ""
    lines = [f"| {r.name} | {results[r.name].second_guess:.2f} |" for r in faces]
    head = "## The truth as second guess\n\nB reports that in 21.56 % of its errors the truth is the second guess."
    chance = "Guessing among the other six classes would give 16.67 %."
    return (
        "\n".join([head, chance, "", "| experiment | share of its PrivateTest errors, % |", "|---|---:|", *lines])
        + "\n"
    )


def _format_confusion(experiment: Experiment, predictions: Predictions) -> str:
    counts = count_confusions(predictions)
    width = max(len(name) for name in predictions.classes)
    head = " " * width + "  " + " ".join(f"{name[:7]:>7}" for name in predictions.classes) + "   recall"
    lines = [
        f"{name:>{width}}  "
        + " ".join(f"{c:7d}" for c in row)
        + (f"  {100 * row[i] / row.sum():5.1f} %" if row.sum() else "")
        for i, (name, row) in enumerate(zip(predictions.classes, counts, strict=True))
    ]
    return "\n".join([f"## {experiment.name}", "```", head, *lines, "```"]) + "\n"


def _draw_plots(folder: Path, runs: Path, experiments: Sequence[Experiment], results: Mapping[str, Result]) -> str:
    """Draw curves.png and one confusions-SEED.png per seed; returns the lines that show them."""
    from convert.reproduce.plots import draw_confusions, draw_curves

    shown = ["## Learning curves and confusions", ""]
    curves = {r.name: results[r.name].log for r in experiments if results[r.name].log}
    if curves:
        draw_curves(curves, folder / "curves.png")
        shown.append("![Learning curves: accuracy in per cent on training and validation rows](curves.png)")
    for seed in sorted({experiment.seed for experiment in experiments}):
        predictions = {r.name: load_predictions(runs / r.name / "test.npz") for r in experiments if r.seed == seed}
        draw_confusions(predictions, folder / f"confusions-{seed.lower()}.png")
        shown.append(f"![Confusions of seed {seed}'s experiments, rows are the truth](confusions-{seed.lower()}.png)")
    return "\n".join([*shown, "", "The counts are in [confusions.md](confusions.md)."]) + "\n"
