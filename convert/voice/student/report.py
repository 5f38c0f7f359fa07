"""How well a trained student reads people it has never heard: with light heads, by itself, and on ordinary speech.

    python -m convert.voice.student.report body fold-1 fold-2 ../shared/data cache runs

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
from convert.voice.student.features import ClipReader, compute_view_features
from convert.voice.student.finetune import PROTOCOLS
from convert.voice.student.material import POOLED, Material, load_material
from convert.voice.student.network import StudentModel, StudentShape
from convert.voice.student.runtime import by_tflite, by_torch, to_int8
from convert.voice.teacher.clip_features import WindowFeatures
from convert.voice.teacher.clip_prosody import join_prosody, load_clip_prosody
from convert.voice.teacher.corpora import CORPORA
from convert.voice.teacher.projection import COMPONENTS
from convert.voice.teacher.protocols import EncodedClips, Protocol, predict_tested
from device.emotions import EMOTIONS, Floats, softmax

_WRONG = [EMOTIONS.index(e) for e in EMOTIONS if e in ("angry", "sad", "fear", "disgust")]
_THRESHOLD = 0.4
"""`mood.min_confidence` by default."""


@dataclass(frozen=True)
class StudentOutputs:
    """A student's numbers for all clips (orders last), unchanged and degraded."""

    material: Material
    views: list[WindowFeatures]
    own: Floats
    """(clips, classes): logits of the student's own classifier for the unchanged clips."""
    with_prosody: WindowFeatures
    """One row per unchanged clip: its numbers and those of `load_clip_prosody`."""


def run_student(
    model: StudentModel, material: Material, reader: ClipReader, path: Path, prosody: Floats
) -> StudentOutputs:
    """Run a student (`reader`) on two views of every clip; the numbers are cached in `path`.

    `model` is the training model that the student comes from; `prosody` is the clips' `load_clip_prosody`. Heads on the
    student's own features score two points more than heads on its predictions of the teacher's output.
    """
    views = []
    for number in range(2):
        part = path.with_name(f"{path.name}-{number}.npz")
        if not part.exists():
            features = compute_view_features(reader, material, range(len(material.clips)), number=number)
            with (partial := part.with_suffix(".partial")).open("wb") as file:
                np.savez(file, values=features.values, owner=features.owner)
            partial.replace(part)
        stored = np.load(part)
        views.append(WindowFeatures(stored["values"], stored["owner"]))
    with torch.inference_mode():
        logits = model.classify(torch.from_numpy(views[0].values)).numpy()
    return StudentOutputs(material, views, views[0].average_by_clip(logits), join_prosody(views[0], prosody))


def measure(protocol: Protocol, outputs: StudentOutputs) -> dict[str, float]:
    """Unweighted average recall and calibration error for strangers and for known speakers, in per cent."""
    scores: dict[str, float] = {}
    clips = outputs.material.clips
    for name, encoded in (
        ("head", EncodedClips(clips, outputs.views)),
        ("with prosody", EncodedClips(clips, [outputs.with_prosody])),
    ):
        for words, known in (("stranger", False), ("known", True)):
            predicted = predict_tested(protocol, encoded, known=known)
            scores |= {f"{name} {words} UAR": predicted.uar, f"{name} {words} ECE": predicted.ece}
            if not known:
                false_moods = _count_false_moods(softmax(predicted.orders))
                scores |= {f"{name} orders {key}": value for key, value in false_moods.items()}
    tested = np.array([protocol.tests(clip) for clip in outputs.material.clips])
    truth = np.array([protocol.label(clip) for clip in outputs.material.clips])[tested]
    logits = outputs.own[tested] if protocol.own_labels else outputs.own[tested][:, : len(EMOTIONS)]
    scores["own stranger UAR"] = recall(np.asarray(logits.argmax(axis=1), np.int64), truth)
    scores["own stranger ECE"] = calibration_error(softmax(logits), truth)
    scores["clips"] = float(tested.sum())
    return {key: round(value, 1) for key, value in scores.items()}


def _count_false_moods(probabilities: Floats) -> dict[str, float]:
    """Per cent of rows (n, classes) read as angry, sad, fear or disgust at the threshold, and as angry alone."""
    sure, top = probabilities.max(axis=1) >= _THRESHOLD, probabilities.argmax(axis=1)
    return {
        "wrong": 100 * float((sure & np.isin(top, _WRONG)).mean()),
        "angry": 100 * float((sure & (top == 0)).mean()),
    }


def load_student(folder: Path, shape: StudentShape) -> StudentModel:
    """Load the trained model of a run folder, in evaluation mode."""
    model = StudentModel(shape, COMPONENTS, POOLED, len(OWN_CLASSES))
    checkpoints.load_into(model, folder)
    return model.eval()


def _int8(model: StudentModel, material: Material, arguments: argparse.Namespace) -> ClipReader:
    """The int8 student, cached in the run folder. It is calibrated on corpora that its protocols do not test."""
    folder = arguments.runs / arguments.run
    protocols = [PROTOCOLS[name] for name in arguments.protocols]
    tested = {_family(clip) for clip in material.clips if any(p.tests(clip) for p in protocols)}
    untested = [i for i, clip in enumerate(material.clips) if _family(clip) not in tested]
    chosen = np.random.default_rng(0).choice(untested, 400, replace=False)
    views = [material.view(int(clip), 0, number % 2) for number, clip in enumerate(chosen)]
    int8, exact = to_int8(model.student, views)
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
    parser.add_argument("--int8", action="store_true", help="as a device runs it; results-int8.json, one protocol")
    parser.add_argument("--width", type=int, default=StudentShape.width)
    parser.add_argument("--blocks", type=int, default=StudentShape.blocks)
    parser.add_argument("--kernel", type=int, default=StudentShape.kernel)
    arguments = parser.parse_args(words)
    folder = arguments.runs / arguments.run
    path = folder / ("results-int8.json" if arguments.int8 else "results.json")
    results: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    missing = [name for name in arguments.protocols if name not in results]
    if not missing:
        return
    torch.set_num_threads(1)
    model = load_student(folder, StudentShape(arguments.width, arguments.blocks, arguments.kernel))
    material = load_material(arguments.data, arguments.cache, CORPORA, copies=1)
    reader = _int8(model, material, arguments) if arguments.int8 else by_torch(model.student)
    prosody = load_clip_prosody(arguments.data, arguments.cache, CORPORA)
    outputs = run_student(model, material, reader, folder / ("numbers-int8" if arguments.int8 else "numbers"), prosody)
    for name in missing:
        results[name] = measure(PROTOCOLS[name], outputs)
        print(f"{arguments.run}, {name}: {results[name]}", flush=True)
        partial = path.with_suffix(".partial")
        partial.write_text(json.dumps(results, indent=1) + "\n")
        partial.replace(path)


if __name__ == "__main__":
    main()
