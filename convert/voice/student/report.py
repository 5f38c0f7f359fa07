"""How well a trained student reads people it never heard: with light heads, by itself, and on ordinary speech.

    python -m convert.voice.student.report body fold-1 fold-2 -- ../shared/data cache runs

Adds to `results.json` in the run folder, by protocol; protocols already in it are skipped.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from convert.datasets.speech.clips import Clip
from convert.evaluation.metrics import calibration_error, recall
from convert.training import checkpoints
from convert.voice.protocols import OWN_CLASSES
from convert.voice.student.distill import light_clips
from convert.voice.student.features import ClipReader, numbers_of_view
from convert.voice.student.finetune import PROTOCOLS
from convert.voice.student.material import POOLED, Material, load_material
from convert.voice.student.network import StudentModel, StudentShape
from convert.voice.student.runtime import by_tflite, by_torch, to_int8
from convert.voice.teacher.clip_features import Numbers
from convert.voice.teacher.clip_prosody import beside, clip_prosody
from convert.voice.teacher.corpora import CORPORA
from convert.voice.teacher.projection import COMPONENTS
from convert.voice.teacher.protocols import Adaptation, Protocol, answer
from device.emotions import EMOTIONS, Floats, softmax

_WRONG = [EMOTIONS.index(e) for e in EMOTIONS if e in ("angry", "sad", "fear", "disgust")]
_THRESHOLD = 0.4
"""`mood.min_confidence` by default."""


@dataclass(frozen=True)
class Asked:
    """A student's numbers for all clips (orders last), unchanged and degraded."""

    material: Material
    views: list[Numbers]
    own: Floats
    """(clips, classes): logits of the student's own classifier for the unchanged clips."""
    with_prosody: Numbers
    """One row per unchanged clip: its numbers and those of `clip_prosody`."""


def ask(pupil: StudentModel, material: Material, hear: ClipReader, path: Path, said: Floats) -> Asked:
    """Run a student (`hear`) on two views of every clip; the numbers are cached in `path`.

    `pupil` is the training model that the student comes from; `said` is the clips' `clip_prosody`. Heads on the
    student's own features score two points more than heads on its predictions of the teacher's output.
    """
    views = []
    for number in range(2):
        part = path.with_name(f"{path.name}-{number}.npz")
        if not part.exists():
            sound_in = numbers_of_view(hear, material, range(len(material.clips)), number=number)
            with (partial := part.with_suffix(".partial")).open("wb") as file:
                np.savez(file, values=sound_in.values, owner=sound_in.owner)
            partial.replace(part)
        stored = np.load(part)
        views.append(Numbers(stored["values"], stored["owner"]))
    with torch.inference_mode():
        logits = pupil.classify(torch.from_numpy(views[0].values)).numpy()
    return Asked(material, views, views[0].averaged(logits), beside(views[0], said))


def measure(protocol: Protocol, queried: Asked) -> dict[str, float]:
    """Unweighted average recall and calibration error for strangers and for known speakers, in per cent."""
    result: dict[str, float] = {}
    clips = queried.material.clips
    for name, sound_in in (
        ("head", Adaptation(clips, queried.views)),
        ("with prosody", Adaptation(clips, [queried.with_prosody])),
    ):
        for words, known in (("stranger", False), ("known", True)):
            answers = answer(protocol, sound_in, known=known)
            result |= {f"{name} {words} UAR": answers.uar, f"{name} {words} ECE": answers.ece}
            if not known:
                result |= {f"{name} orders {key}": value for key, value in _said(softmax(answers.orders)).items()}
    tested = np.array([protocol.tested(clip) for clip in queried.material.clips])
    truth = np.array([protocol.label(clip) for clip in queried.material.clips])[tested]
    logits = queried.own[tested] if protocol.own_labels else queried.own[tested][:, : len(EMOTIONS)]
    result["own stranger UAR"] = recall(np.asarray(logits.argmax(axis=1), np.int64), truth)
    result["own stranger ECE"] = calibration_error(softmax(logits), truth)
    result["clips"] = float(tested.sum())
    return {key: round(value, 1) for key, value in result.items()}


def _said(probabilities: Floats) -> dict[str, float]:
    """Per cent of rows (n, classes) read as angry, sad, fear or disgust at the threshold, and as angry alone."""
    sure, top = probabilities.max(axis=1) >= _THRESHOLD, probabilities.argmax(axis=1)
    return {
        "wrong": 100 * float((sure & np.isin(top, _WRONG)).mean()),
        "angry": 100 * float((sure & (top == 0)).mean()),
    }


def load_pupil(folder: Path, shape: StudentShape) -> StudentModel:
    """Load the trained model of a run folder, in evaluation mode."""
    pupil = StudentModel(shape, COMPONENTS, POOLED, len(OWN_CLASSES))
    checkpoints.load_into(pupil, folder)
    return pupil.eval()


def _int8(pupil: StudentModel, material: Material, arguments: argparse.Namespace) -> ClipReader:
    """The int8 student, cached in the run folder. It is calibrated on corpora that its protocols do not test."""
    folder = arguments.runs / arguments.run
    protocols = [PROTOCOLS[name] for name in arguments.protocols]
    tested = {_family(clip) for clip in material.clips if any(p.tested(clip) for p in protocols)}
    untested = [i for i, clip in enumerate(material.clips) if _family(clip) not in tested]
    chosen = np.random.default_rng(0).choice(untested, 400, replace=False)
    views = [material.view(int(clip), 0, number % 2) for number, clip in enumerate(chosen)]
    int8, exact = to_int8(pupil.student, views)
    (folder / "student-int8.tflite").write_bytes(int8)
    (folder / "student-float.tflite").write_bytes(exact)
    return by_tflite(int8, arguments.run)


def _family(clip: Clip) -> str:
    """The corpus, with RAVDESS's speech and song as one: they have the same actors."""
    return clip.corpus.split("_", maxsplit=1)[0]


def main(words: Sequence[str] | None = None) -> None:
    """Parse the arguments and measure the protocols that have no results yet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run")
    parser.add_argument("protocols", nargs="+", choices=PROTOCOLS)
    parser.add_argument("data", type=Path)
    parser.add_argument("cache", type=Path)
    parser.add_argument("runs", type=Path)
    parser.add_argument("--int8", action="store_true", help="as a device hears it; results-int8.json, one protocol")
    parser.add_argument("--width", type=int, default=StudentShape.width)
    parser.add_argument("--blocks", type=int, default=StudentShape.blocks)
    parser.add_argument("--kernel", type=int, default=StudentShape.kernel)
    a = parser.parse_args(words)
    folder = a.runs / a.run
    path = folder / ("results-int8.json" if a.int8 else "results.json")
    results: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    missing = [name for name in a.protocols if name not in results]
    if not missing:
        return
    torch.set_num_threads(1)
    pupil = load_pupil(folder, StudentShape(a.width, a.blocks, a.kernel))
    material = load_material(a.cache, lambda corpus: light_clips(a.data, corpus, a.cache), CORPORA, copies=1)
    hear = _int8(pupil, material, a) if a.int8 else by_torch(pupil.student)
    said = clip_prosody(a.data, a.cache, CORPORA)
    queried = ask(pupil, material, hear, folder / ("numbers-int8" if a.int8 else "numbers"), said)
    for name in missing:
        results[name] = measure(PROTOCOLS[name], queried)
        print(f"{a.run}, {name}: {results[name]}", flush=True)
        partial = path.with_suffix(".partial")
        partial.write_text(json.dumps(results, indent=1) + "\n")
        partial.replace(path)


if __name__ == "__main__":
    main()
