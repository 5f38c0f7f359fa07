"""Face and voice joined, measured: the ways there are, on pairs of one emotion, clean and with one sense spoilt.

No audio-visual corpus is to be had here, so a test face and a test voice of the same label are paired at random: the
two are of different people and know nothing of each other, which real ones do. Read the differences, not the heights.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from convert.datasets.clips import Clip
from convert.datasets.esc10 import read_noises
from convert.datasets.fer2013 import Faces, Fer2013
from convert.evaluation.metrics import accuracy, calibration_error, recall
from convert.evaluation.predictions import Ints
from convert.evaluation.shipped import CACHE, load_shipped, load_voice_reader, read_clips
from convert.voice.augment import make_noise, scale_to_ratio, trim_silence
from device.emotions import EMOTIONS, Floats
from device.perception.face.align import whole_picture
from device.perception.face.classifier import FaceReader
from device.perception.models.model import Model
from device.perception.mood.fusion import face_weight, pooled, voice_weight
from device.perception.voice.classifier import WINDOW
from device.readings import SoundWindow

PAIRS_AN_EMOTION = 120
_EVEN = np.full(len(EMOTIONS), 1 / len(EMOTIONS), np.float32)


@dataclass(frozen=True)
class Pairs:
    """n pairs: both senses' calibrated probabilities (n, 7), how far each is trusted (n,), and the truth (n,)."""

    face: Floats
    voice: Floats
    face_trust: Floats
    voice_trust: Floats
    truth: Ints


def make_pairs(faces: Faces, clips: list[Clip], data: Path, models: Path, *, spoilt: bool, seed: int = 0) -> Pairs:
    """Pairs as the device's readers read them.

    `spoilt` takes the sharpness from a third of the faces, and drowns another third of the voices in household noise
    as loud as they are.
    """
    rng = np.random.default_rng(seed)
    face_reader, ears = FaceReader(Model("face", models)), load_voice_reader(models)
    noises = read_noises(data / "noise", CACHE)[0][::5]
    rows: list[tuple[Floats, Floats, float, float, int]] = []
    for emotion in range(len(EMOTIONS)):
        seen = np.flatnonzero(faces.labels == emotion)
        heard = [clip for clip in clips if clip.emotion == emotion]
        if not len(seen) or not heard:
            continue
        for _ in range(PAIRS_AN_EMOTION):
            picture, voice = (
                faces.pictures[rng.choice(seen)],
                trim_silence(heard[int(rng.integers(len(heard)))].real)[-WINDOW:],
            )
            which = int(rng.integers(3)) if spoilt else 2
            if which == 0:
                picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), 3.0), np.uint8)
            if which == 1:
                voice = voice + scale_to_ratio(make_noise(len(voice), noises, rng), float(np.mean(voice**2)), 0.0)
            face = face_reader.read(whole_picture(picture), 0.0)
            sound = ears.read(SoundWindow(voice, len(voice) / 16_000))
            said = _EVEN if sound is None else sound.probabilities
            rows.append((face.probabilities, said, face_weight(face), voice_weight(sound) if sound else 0.0, emotion))
    face_said, voice_said, face_trust, voice_trust, truth = zip(*rows, strict=True)
    return Pairs(
        np.array(face_said, np.float32),
        np.array(voice_said, np.float32),
        np.array(face_trust, np.float32),
        np.array(voice_trust, np.float32),
        np.array(truth),
    )


Fusion = Callable[[Pairs], Floats]


def make_fusions(face_f1: Floats, voice_f1: Floats, fitted_on: Pairs) -> dict[str, Fusion]:
    """Each way's name, and what it makes of pairs: probabilities (n, 7)."""

    def normed(total: npt.NDArray[np.floating]) -> Floats:
        return np.asarray(total / total.sum(axis=1, keepdims=True), np.float32)

    def scored(p: Pairs) -> Floats:
        return normed(face_f1 * p.face + voice_f1 * p.voice)

    def scored_and_trusted(p: Pairs) -> Floats:
        return normed(p.face_trust[:, None] * face_f1 * p.face + p.voice_trust[:, None] * voice_f1 * p.voice + 1e-6)

    plain = _fit(fitted_on, trusted=False)
    trusting = _fit(fitted_on, trusted=True)
    return {
        "face alone": lambda p: p.face,
        "voice alone": lambda p: p.voice,
        "mean": lambda p: normed(p.face + p.voice),
        "F-scores (seed B)": scored,
        "F-scores and quality": scored_and_trusted,
        _format_name("log-linear, fitted", plain): lambda p: _log_linear(p, plain, trusted=False),
        _format_name("log-linear and quality, fitted", trusting): lambda p: _log_linear(p, trusting, trusted=True),
        "the device's: log-linear by trust, the more trusted sense counting once": _fuse_as_device,
    }


def _fuse_as_device(p: Pairs) -> Floats:
    rows = zip(p.face, p.voice, p.face_trust.tolist(), p.voice_trust.tolist(), strict=True)
    return np.stack([pooled(*row) for row in rows])


def _format_name(way: str, powers: Floats) -> str:
    return f"{way} (face^{powers[0]:.2f}, voice^{powers[1]:.2f})"


def _terms(p: Pairs, *, trusted: bool) -> tuple[Floats, Floats]:
    face, voice = np.log(p.face + 1e-4), np.log(p.voice + 1e-4)
    if not trusted:
        return face, voice
    return face * p.face_trust[:, None], voice * p.voice_trust[:, None]


def _fit(p: Pairs, *, trusted: bool) -> Floats:
    """(2,): the powers of the face's and of the voice's probabilities under which the truth is likeliest.

    Two numbers: all pairs of a grid in steps of 0.05 are tried.
    """
    grid = np.arange(0, 2.51, 0.05, dtype=np.float32)
    rows = np.arange(len(p.truth))
    losses = {
        (a, b): -float(np.log(_log_linear(p, np.array([a, b]), trusted=trusted)[rows, p.truth] + 1e-9).mean())
        for a in grid
        for b in grid
    }
    return np.array(min(losses, key=lambda powers: losses[powers]), np.float32)


def _log_linear(p: Pairs, powers: Floats, *, trusted: bool) -> Floats:
    face, voice = _terms(p, trusted=trusted)
    total = powers[0] * face + powers[1] * voice
    odds = np.exp(total - total.max(axis=1, keepdims=True))
    return np.asarray(odds / odds.sum(axis=1, keepdims=True), np.float32)


def measure_fusions(data: Path, models: Path) -> dict[str, dict[str, tuple[float, float, float]]]:
    """Way -> kind of pairs -> (accuracy, UAR, calibration error) in per cent."""
    corpus = Fer2013(data / "fer2013")
    watched_faces, watched_clips = corpus.validation(), read_clips(data, "validation")
    faces, clips = corpus.test(without_copies=True), read_clips(data, "test")
    fitted_on = make_pairs(watched_faces, watched_clips, data, models, spoilt=True, seed=1)
    cards = load_shipped("face", models).card, load_shipped("voice", models).card
    table: dict[str, dict[str, tuple[float, float, float]]] = {}
    asked = {kind: make_pairs(faces, clips, data, models, spoilt=kind == "spoilt") for kind in ("clean", "spoilt")}
    for name, way in make_fusions(np.array(cards[0].f1), np.array(cards[1].f1), fitted_on).items():
        table[name] = {}
        for kind, p in asked.items():
            said = way(p)
            read = said.argmax(axis=1)
            table[name][kind] = (accuracy(read, p.truth), recall(read, p.truth), calibration_error(said, p.truth))
    return table
