"""Exports a student trained on everything for a device: int8, with two linear heads and the data for its model card.

One head is for strangers, the other for known voices, whose mean is subtracted.

    python -m convert.voice.student.candidate body-all ../shared/data cache runs out

Its accuracy on strangers is taken from the protocols' students, which differ only in the speakers held out.
"""

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from convert.evaluation.metrics import fit_temperature
from convert.voice.copies.degraded import read_surroundings
from convert.voice.protocols import SHIPPED_CLASSES
from convert.voice.student.features import ClipReader, compute_features, compute_view_features
from convert.voice.student.input import FRAMES
from convert.voice.student.material import Material, load_material
from convert.voice.student.network import StudentShape
from convert.voice.student.report import load_student
from convert.voice.student.runtime import by_tflite, to_int8
from convert.voice.student.views import COLUMNS
from convert.voice.teacher.clip_features import WindowFeatures
from convert.voice.teacher.corpora import LABELLED
from convert.voice.teacher.heads import Head, balance_weights, fit_head, one_hot, subtract_speaker_means
from device.emotions import NO_SPEECH, Floats
from device.perception.audio.frame_features import LOW, MEL, frame_rows
from device.perception.audio.stft import RATE_HZ

_NO_SPEECH = SHIPPED_CLASSES.index(NO_SPEECH)
_WINDOW = 3 * RATE_HZ


def compute_noise_rows(data: Path, cache: Path) -> list[Floats]:
    """(t, COLUMNS) of up to six seconds of every household sound, in threes: examples without a voice."""
    cut = [
        sound[start : start + _WINDOW]
        for sound in read_surroundings(data, cache).noises
        for start in range(0, max(len(sound) - _WINDOW, 0) + 1, _WINDOW)[:2]
    ]
    return [
        frame_rows(np.asarray(sound / np.float32(32768), np.float32))[:FRAMES, MEL.start : LOW.stop] for sound in cut
    ]


def fit_heads(material: Material, reader: ClipReader, noises: Sequence[Floats]) -> dict[str, Floats]:
    """Weights, biases and temperatures of both heads, fitted on the student's numbers, and the mean over all voices."""
    every = np.arange(len(material.clips))
    views = [compute_view_features(reader, material, every, number=number) for number in range(2)]
    values = np.concatenate([view.values for view in views])
    owner = np.concatenate([view.owner for view in views])
    labels = np.array([clip.emotion for clip in material.clips])[owner]
    corpora = np.array([clip.corpus.split("_")[0] for clip in material.clips])[owner]
    speakers = np.array([f"{clip.speaker}/{clip.corpus}" for clip in material.clips])[owner]
    silent = compute_features(reader, noises).values
    centre = values.mean(axis=0)
    found: dict[str, Floats] = {"centre": centre}
    for name, features in (("stranger", values), ("known", subtract_speaker_means(values, speakers, centre))):
        numbers = np.concatenate([features, silent])
        all_labels = np.concatenate([labels, np.full(len(silent), _NO_SPEECH)])
        groups = np.concatenate([corpora, np.full(len(silent), "noise")])
        head = _fit(numbers, all_labels, groups)
        held_out_logits, truth = [], []
        for corpus in np.unique(corpora):
            held_out = groups == corpus
            other_head = _fit(numbers[~held_out], all_labels[~held_out], groups[~held_out])
            logits = other_head(numbers[held_out])[:, :_NO_SPEECH]
            first = owner[corpora == corpus]
            order = np.argsort(first, kind="stable")
            place = np.unique(first[order], return_inverse=True)[1]
            held_out_logits.append(WindowFeatures(logits[order], place).average_by_clip(logits[order]))
            truth.append(np.array([material.clips[clip].emotion for clip in np.unique(first)]))
        temperature = fit_temperature(np.concatenate(held_out_logits), np.concatenate(truth))
        found |= {f"{name}_weight": head.weight, f"{name}_bias": head.bias}
        found[f"{name}_temperature"] = np.array(temperature, np.float32)
    return found


def _fit(numbers: Floats, labels: np.ndarray, groups: np.ndarray) -> Head:
    weights = balance_weights(labels, np.unique(groups, return_inverse=True)[1])
    return fit_head(numbers, one_hot(labels, len(SHIPPED_CLASSES)), weights)


def measure_cost_ms(reader: ClipReader, seconds: int = 3) -> float:
    """CPU time of one window in ms, from its samples to the student's output; the median of fifty."""
    samples = np.random.default_rng(0).normal(0, 0.05, seconds * RATE_HZ).astype(np.float32)
    spent = []
    for _ in range(50):
        started = time.process_time()
        compute_features(reader, [frame_rows(samples)[:FRAMES, MEL.start : LOW.stop]])
        spent.append(time.process_time() - started)
    return round(1000 * float(np.median(spent)), 2)


def main(words: Sequence[str] | None = None) -> None:
    """Parse the arguments and write the candidate, unless it exists."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run")
    parser.add_argument("data", type=Path)
    parser.add_argument("cache", type=Path)
    parser.add_argument("runs", type=Path)
    parser.add_argument("out", type=Path)
    arguments = parser.parse_args(words)
    if (arguments.out / "card.json").exists():
        return
    torch.set_num_threads(1)
    arguments.out.mkdir(parents=True, exist_ok=True)
    model = load_student(arguments.runs / arguments.run, StudentShape())
    material = load_material(arguments.data, arguments.cache, LABELLED, copies=1)
    chosen = np.random.default_rng(0).choice(len(material.clips), 400, replace=False)
    content, _ = to_int8(model.student, [material.view(int(c), 0, n % 2) for n, c in enumerate(chosen)])
    (arguments.out / "student.tflite").write_bytes(content)
    reader = by_tflite(content, arguments.run)
    found = fit_heads(material, reader, compute_noise_rows(arguments.data, arguments.cache))
    np.savez(arguments.out / "heads.npz", **found)  # type: ignore[arg-type]
    card = {
        "input": f"{FRAMES} frames of {COLUMNS}: convert.voice.student.input",
        "output": f"(1, {FRAMES}, 1, width): the spoken frames go to convert.voice.student.features.pool_frames",
        "labels": SHIPPED_CLASSES,
        "temperature": {name: round(float(found[f"{name}_temperature"]), 3) for name in ("stranger", "known")},
        "bytes": len(content),
        "cpu_ms_a_window": measure_cost_ms(reader),
        "corpora": LABELLED,
    }
    (arguments.out / "card.json").write_text(json.dumps(card, indent=1) + "\n")


if __name__ == "__main__":
    main()
