"""The comparison as a page: a table a task, C's 98 %, second guesses; learning curves and confusions as pictures."""

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
from convert.reproduce.results import Result, confusions
from convert.reproduce.splits import FERPLUS
from convert.voice.ensemble_weights import join_by_halves

TASKS = {
    "fer2013": "Faces: FER2013, trained on Training, chosen on PublicTest, tested on PrivateTest as published",
    "ferplus-5": "Faces: FER+, five classes, tested on PrivateTest by the majority",
    "ferplus-7": "Faces: FER+, seven classes, tested on PrivateTest by the majority",
    "ferplus-8": "Faces: FER+, eight classes, tested on PrivateTest by the majority",
    "cremad-video": "Faces in video: CREMA-D, six classes",
    "tess": "Voices: TESS, seven classes, random 60/20/20",
    "savee": "Voices: SAVEE, seven classes, random: a quarter tests, 15 % choose",
    "ravdess-six": "Voices: RAVDESS speech in CREMA-D's six classes, random 60/20/20",
    "ravdess-speech": "Voices: RAVDESS speech, eight classes, random 60/20/20",
    "ravdess-song": "Voices: RAVDESS song, six of the eight classes, random 60/20/20",
    "ravdess-both": "Voices: RAVDESS speech and song, eight classes, random 60/20/20",
    "faces-and-voices": "Together: RAVDESS speech, each clip with a face of FER2013 of the same emotion, eight classes",
}
"""Every task that a recipe may name, in the page's order."""

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
"""Where the answers of Mien's own networks are kept that were trained under the same protocol, by task.

Two names are the two networks that read a voice, whose answers are multiplied, to powers fitted on every other clip.
"""

_HEAD = """# The five seeds, trained again

Written by `python -m convert compare`. Every network that the five student projects built stands in `convert/recipes/`,
with the number of parameters that their reports print, and was trained here under its own protocol, on the data that
there is. Training was kept short (the epochs stand in the table; CPU seconds are of one shared core), so a seed that
trained longer may well have read more. Per cent right of the test rows, ± half of the 95 % interval; UAR is the mean
over the classes. The best of a task is chosen **by validation**, and marked.

Random splits of acted speech put the same speakers and the same sentences into training and test. They stand here
because the seeds used them; they tell nothing of a stranger at home.
Mien's voices are read by two networks, of which one has listened to each speaker's clips before, without their labels;
they are joined by powers fitted on every other clip (docs/REPORT.md has them apart, and as strangers). Of a network of
more classes than were to be chosen from, the likeliest of these is taken.
"""

_ALIGN = "|---|---:|---:|---:|---:|---:|---:|---|---|"
_COLUMNS = "| recipe | parameters | epochs | CPU s | validation | test | UAR | its report | what was done |\n" + _ALIGN


def half_width(percent: float, count: int) -> float:
    """Half of the 95 % interval of a share in per cent of `count` rows (normal approximation)."""
    share = percent / 100
    return 196 * math.sqrt(share * (1 - share) / max(count, 1))


def _format_row(recipe: Experiment, result: Result, *, best: bool) -> str:
    name = f"**{recipe.name}** (best on validation)" if best else recipe.name
    test = f"{result.test_accuracy:.1f} ± {half_width(result.test_accuracy, result.test_count):.1f}"
    about = f"{recipe.about}; {result.said}" if result.said else recipe.about
    parameters = f"{result.parameters:,}" if result.parameters else "–"
    cells = (
        name,
        parameters,
        result.epochs or "–",
        f"{result.cpu_s:.0f}",
        f"{result.validation_accuracy:.1f}",
        test,
        f"{result.test_uar:.1f}",
        recipe.printed,
        about,
    )
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def _format_own_row(task: str, answers: Path, test: Predictions | None) -> str:
    """Mien's own network on the rows of `test`, as far as it was asked about them."""
    parts = OWN.get(task, ())
    paths = [answers / f"{name}.npz" for part in parts for name in part]
    if test is None or not paths or not all(path.exists() for path in paths):
        return "| *Mien* | | | | | not measured yet | | | |"
    asked = [[load_predictions(answers / f"{name}.npz") for name in part] for part in parts]
    kept = concatenate([join_by_halves(*part) if len(part) > 1 else part[0] for part in asked])
    said = restrict_classes(kept.select(np.isin(kept.names, test.names)), test.classes)
    count, right = len(said.truth), accuracy(said.prediction, said.truth)
    rows = "the same rows" if count == len(test.truth) else f"{count:,} of the {len(test.truth):,} rows"
    measured = f"{right:.1f} ± {half_width(right, count):.1f} | {recall(said.prediction, said.truth):.1f}"
    return f"| *Mien* | | | | | {measured} | | {rows}; {', '.join(path.name for path in paths)} |"


def restrict_classes(said: Predictions, classes: tuple[str, ...]) -> Predictions:
    """Where one of fewer `classes` was to be chosen, the likeliest of these; rows of another class are left out."""
    spelt = dict(zip(FERPLUS_CLASSES, FERPLUS, strict=True))
    said = replace(said, classes=tuple(spelt.get(name, name) for name in said.classes))
    if classes == said.classes or not set(classes) <= set(said.classes):
        return said
    columns = [said.classes.index(name) for name in classes]
    places = np.full(len(said.classes), -1)
    places[columns] = np.arange(len(classes))
    there = said.select(places[said.truth] >= 0)
    return replace(there, classes=classes, logits=there.logits[:, columns], truth=places[there.truth])


def find_best(results: Mapping[str, Result], recipes: Sequence[Experiment]) -> str | None:
    """The name of the recipe with the highest validation accuracy, None when none was trained."""
    done = [r.name for r in recipes if r.name in results]
    return max(done, key=lambda name: results[name].validation_accuracy) if done else None


def write(
    folder: Path,
    runs: Path,
    recipes: Sequence[Experiment],
    results: Mapping[str, Result],
    missing: Mapping[str, str],
    answers: Path,
) -> Path:
    """The page, its texts and its pictures in `folder`.

    `missing` says why a recipe has no result, `answers` is the folder of what Mien's own networks said.
    """
    folder.mkdir(parents=True, exist_ok=True)
    sections = [_HEAD]
    for task, title in TASKS.items():
        ours = [recipe for recipe in recipes if recipe.task == task]
        best = find_best(results, ours)
        lines = [_format_row(r, results[r.name], best=r.name == best) for r in ours if r.name in results]
        lines += [
            f"| {r.name} | | | | | not trained | | {r.printed} | {missing[r.name]} |" for r in ours if r.name in missing
        ]
        test = next((load_predictions(runs / r.name / "test.npz") for r in ours if r.name in results), None)
        rows = f" ({len(test.truth):,} test rows)" if test else ""
        sections.append(
            "\n".join([f"## {title}{rows}", "", _COLUMNS, *lines, _format_own_row(task, answers, test)]) + "\n"
        )
    sections += [_write_memorization(results), _write_noise(results), _write_second_guesses(recipes, results)]
    done = [recipe for recipe in recipes if recipe.name in results]
    sections.append(_draw_plots(folder, runs, done, results))
    texts = [_format_confusion(recipe, load_predictions(runs / recipe.name / "test.npz")) for recipe in done]
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

| tested on | right |
|---|---:|
| the rows of Training that it was trained on | **{result.beside[TRAINED_ON]:.1f}** |
| PublicTest, which it never saw | {result.validation_accuracy:.1f} |
| PrivateTest, which it never saw | {result.test_accuracy:.1f} |

So a number near 98 on FER2013 comes about without any fault in the network: it is asked what it has learnt by heart.
"""


_NOISE = {
    "e-lstm-speech": "sound alone: the LSTM",
    "e-vggish-mlp-speech": "sound alone: embeddings",
    "e-visual": "pictures alone, as E trained them",
    "e-visual-mended": "pictures alone: cross-entropy and Adam, all else the same",
    "e-concatenated": "(1) embeddings and the features of e-visual in one MLP",
    "e-concatenated-mended": "(1) with seven scaled numbers of a network that reads faces",
    "e-joint": "(2) both networks trained as one",
    "e-late": "each network trained alone, their answers multiplied",
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

Behind a softmax that still guesses, the squared error has less than a twentieth of cross-entropy's slope (a test holds
it so); with plain steps of 0.01, and 95 of them, the visual network stays where it began. Its poolings in steps of 1
keep 119×119×16 numbers of a picture, so what is laid beside the sound is thousands of numbers that say nothing. Below,
one thing is changed at a time. The pictures are FER2013's, paired by emotion: these rows tell what was wrong in the
method, not what RAVDESS's video gives.

| recipe | what | validation | test |
|---|---|---:|---:|"""
    return "\n".join([head, *lines]) + "\n"


def _write_second_guesses(recipes: Sequence[Experiment], results: Mapping[str, Result]) -> str:
    faces = [r for r in recipes if r.task == "fer2013" and r.name in results]
    if not faces:
        return ""
    lines = [f"| {r.name} | {results[r.name].second_guess:.2f} |" for r in faces]
    head = "## The truth as second guess\n\nB reports that in 21.56 % of its errors the truth is the second guess."
    chance = "Guessing among the other six would make 16.67 %."
    return "\n".join([head, chance, "", "| recipe | share of its PrivateTest errors, % |", "|---|---:|", *lines]) + "\n"


def _format_confusion(recipe: Experiment, said: Predictions) -> str:
    counts = confusions(said)
    width = max(len(name) for name in said.classes)
    head = " " * width + "  " + " ".join(f"{name[:7]:>7}" for name in said.classes) + "   recall"
    lines = [
        f"{name:>{width}}  "
        + " ".join(f"{c:7d}" for c in row)
        + (f"  {100 * row[i] / row.sum():5.1f} %" if row.sum() else "")
        for i, (name, row) in enumerate(zip(said.classes, counts, strict=True))
    ]
    return "\n".join([f"## {recipe.name}", "```", head, *lines, "```"]) + "\n"


def _draw_plots(folder: Path, runs: Path, recipes: Sequence[Experiment], results: Mapping[str, Result]) -> str:
    """Draw curves.png and one confusions-SEED.png a seed; the lines that show them."""
    from convert.reproduce.plots import draw_confusions, draw_curves

    shown = ["## Learning curves and confusions", ""]
    curves = {r.name: results[r.name].log for r in recipes if results[r.name].log}
    if curves:
        draw_curves(curves, folder / "curves.png")
        shown.append("![Learning curves: per cent right on training and validation rows](curves.png)")
    for seed in sorted({recipe.seed for recipe in recipes}):
        said = {r.name: load_predictions(runs / r.name / "test.npz") for r in recipes if r.seed == seed}
        draw_confusions(said, folder / f"confusions-{seed.lower()}.png")
        shown.append(f"![Confusions of seed {seed}'s recipes, rows are the truth](confusions-{seed.lower()}.png)")
    return "\n".join([*shown, "", "The counts stand in [confusions.md](confusions.md)."]) + "\n"
