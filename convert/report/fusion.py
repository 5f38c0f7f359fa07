"""Measures methods of fusing face and voice, on pairs with the same emotion, clean and with one sense degraded.

No audio-visual corpus is available here, so a test face and a test voice with the same label are paired at random. They
are independent of each other, unlike real ones: compare the methods; the absolute numbers mean little.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from convert.datasets.noise.esc10 import read_noises
from convert.datasets.pictures.fer2013 import Faces, Fer2013
from convert.datasets.speech.clips import Clip
from convert.evaluation.metrics import accuracy, calibration_error, recall
from convert.evaluation.predictions import Ints
from convert.evaluation.shipped import CACHE, load_shipped, load_voice_reader, read_clips
from convert.voice.augment import make_noise, scale_to_ratio, trim_silence
from device.emotions import EMOTIONS, Floats
from device.perception.face.align import face_of_whole_picture
from device.perception.face.classifier import FaceReader
from device.perception.models.model import Model
from device.perception.mood.fusion import pool, voice_weight
from device.perception.voice.classifier import WINDOW
from device.readings import SoundWindow

PAIRS_PER_EMOTION = 120
_EQUAL = np.full(len(EMOTIONS), 1 / len(EMOTIONS), np.float32)


@dataclass(frozen=True)
class Pairs:
    """n pairs: both senses' calibrated probabilities (n, 7), their weights (n,), and the truth (n,)."""

    face: Floats
    voice: Floats
    face_weights: Floats
    voice_weights: Floats
    truth: Ints


def make_pairs(faces: Faces, clips: list[Clip], data: Path, models: Path, *, degraded: bool, seed: int = 0) -> Pairs:
    """Make pairs, read by the device's own readers.

    `degraded` blurs a third of the faces, and adds household noise as loud as the voice to another third of the voices.
    """
    rng = np.random.default_rng(seed)
    face_reader, voice_reader = FaceReader(Model("face", models)), load_voice_reader(models)
    noises = read_noises(data / "noise", CACHE)[0][::5]
    rows: list[tuple[Floats, Floats, float, float, int]] = []
    for emotion in range(len(EMOTIONS)):
        face_rows = np.flatnonzero(faces.labels == emotion)
        emotion_clips = [clip for clip in clips if clip.emotion == emotion]
        if not len(face_rows) or not emotion_clips:
            continue
        for _ in range(PAIRS_PER_EMOTION):
            picture = faces.pictures[rng.choice(face_rows)]
            voice = trim_silence(emotion_clips[int(rng.integers(len(emotion_clips)))].real)[-WINDOW:]
            which = int(rng.integers(3)) if degraded else 2
            if which == 0:
                picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), 3.0), np.uint8)
            if which == 1:
                voice = voice + scale_to_ratio(make_noise(len(voice), noises, rng), float(np.mean(voice**2)), 0.0)
            face = face_reader.read(face_of_whole_picture(picture), 0.0)
            sound = voice_reader.read(SoundWindow(voice, len(voice) / 16_000))
            probabilities = _EQUAL if sound is None else sound.probabilities
            rows.append(
                (face.probabilities, probabilities, face.quality, voice_weight(sound) if sound else 0.0, emotion)
            )
    *readings, truth = zip(*rows, strict=True)
    face_probabilities, voice_probabilities, *weights = (np.array(column, np.float32) for column in readings)
    return Pairs(face_probabilities, voice_probabilities, weights[0], weights[1], np.array(truth))


Fusion = Callable[[Pairs], Floats]


def make_fusions(face_f1: Floats, voice_f1: Floats, fit_pairs: Pairs) -> dict[str, Fusion]:
    """Name of each method -> function from pairs to probabilities (n, 7)."""

    def normalize(total: npt.NDArray[np.floating]) -> Floats:
        return np.asarray(total / total.sum(axis=1, keepdims=True), np.float32)

    def scored(p: Pairs) -> Floats:
        return normalize(face_f1 * p.face + voice_f1 * p.voice)

    def scored_and_trusted(p: Pairs) -> Floats:
        return normalize(
            p.face_weights[:, None] * face_f1 * p.face + p.voice_weights[:, None] * voice_f1 * p.voice + 1e-6
        )

    plain, weighted = _fit(fit_pairs, weighted=False), _fit(fit_pairs, weighted=True)
    return {
        "face alone": lambda p: p.face,
        "voice alone": lambda p: p.voice,
        "mean": lambda p: normalize(p.face + p.voice),
        "F-scores (seed B)": scored,
        "F-scores and quality": scored_and_trusted,
        _format_name("log-linear, fitted", plain): lambda p: _log_linear(p, plain, weighted=False),
        _format_name("log-linear and quality, fitted", weighted): lambda p: _log_linear(p, weighted, weighted=True),
        "the device's: log-linear by weight, the sense with the higher weight counting once": _fuse_as_device,
    }


def _fuse_as_device(p: Pairs) -> Floats:
    rows = zip(p.face, p.voice, p.face_weights.tolist(), p.voice_weights.tolist(), strict=True)
    return np.stack([pool(*row) for row in rows])


def _format_name(method: str, exponents: Floats) -> str:
    return f"{method} (face^{exponents[0]:.2f}, voice^{exponents[1]:.2f})"


def _fit(p: Pairs, *, weighted: bool) -> Floats:
    """(2,): the exponents of both probabilities with the smallest loss, on a grid in steps of 0.05."""
    grid = np.arange(0, 2.51, 0.05, dtype=np.float32)
    rows = np.arange(len(p.truth))
    losses = {
        (a, b): -float(np.log(_log_linear(p, np.array([a, b]), weighted=weighted)[rows, p.truth] + 1e-9).mean())
        for a in grid
        for b in grid
    }
    return np.array(min(losses, key=lambda exponents: losses[exponents]), np.float32)


def _log_linear(p: Pairs, exponents: Floats, *, weighted: bool) -> Floats:
    face, voice = np.log(p.face + 1e-4), np.log(p.voice + 1e-4)
    if weighted:
        face, voice = face * p.face_weights[:, None], voice * p.voice_weights[:, None]
    total = exponents[0] * face + exponents[1] * voice
    odds = np.exp(total - total.max(axis=1, keepdims=True))
    return np.asarray(odds / odds.sum(axis=1, keepdims=True), np.float32)


def measure_fusions(data: Path, models: Path) -> dict[str, dict[str, tuple[float, float, float]]]:
    """Method -> kind of pairs -> (accuracy, UAR, calibration error) in per cent."""
    corpus = Fer2013(data / "fer2013")
    validation_faces, validation_clips = corpus.validation(), read_clips(data, "validation")
    faces, clips = corpus.test(without_copies=True), read_clips(data, "test")
    fit_pairs = make_pairs(validation_faces, validation_clips, data, models, degraded=True, seed=1)
    cards = load_shipped("face", models).card, load_shipped("voice", models).card
    table: dict[str, dict[str, tuple[float, float, float]]] = {}
    pairs_by_kind = {
        kind: make_pairs(faces, clips, data, models, degraded=kind == "degraded") for kind in ("clean", "degraded")
    }
    for name, method in make_fusions(np.array(cards[0].f1), np.array(cards[1].f1), fit_pairs).items():
        table[name] = {}
        for kind, p in pairs_by_kind.items():
            probabilities = method(p)
            read = probabilities.argmax(axis=1)
            error = calibration_error(probabilities, p.truth)
            table[name][kind] = accuracy(read, p.truth), recall(read, p.truth), error
    return table
