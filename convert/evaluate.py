"""Measured on the .tflite, through the device's own code: what the cards and the README claim."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from convert.corpora.fer2013 import Faces, Fer2013
from convert.corpora.speech import CORPORA, Clip, by_speaker, read_corpus
from device.emotions import EMOTIONS, Floats, softmax
from device.readings import SoundWindow
from device.sense.analyze import together
from device.sense.features import RATE_HZ, log_mel
from device.sense.model import Model
from device.sense.prepare import face_input, voice_input
from device.sense.tflite import Network
from device.sense.voice import WINDOW, VoiceReader

Ints = np.ndarray
CACHE = Path("cache")


@dataclass
class Figures:
    """Named numbers in per cent, with half the width of the 95 % interval (bootstrap over rows) where there is one."""

    values: dict[str, tuple[float, float]] = field(default_factory=dict)

    def add(self, name: str, value: float, half: float = 0.0) -> None:
        """Put a number down."""
        self.values[name] = (round(value, 2), round(half, 2))

    def as_dict(self) -> dict[str, float]:
        """Without the intervals, for the card."""
        return {name: value for name, (value, _) in self.values.items()}

    def __str__(self) -> str:
        width = max(map(len, self.values), default=0)
        return "\n".join(
            f"{name:{width}}  {value:6.2f}" + (f" ± {half:.2f}" if half else "")
            for name, (value, half) in self.values.items()
        )


def recall(read: Ints, truth: Ints) -> float:
    """Unweighted average recall in per cent over the classes that occur; labels (n,) int."""
    return 100 * float(np.mean([(read[truth == c] == c).mean() for c in np.unique(truth)]))


def accuracy(read: Ints, truth: Ints) -> float:
    """Share read right, in per cent."""
    return 100 * float((read == truth).mean())


def f1(read: Ints, truth: Ints) -> list[float]:
    """F1 per emotion, 0..1, in EMOTIONS' order."""
    result = []
    for c in range(len(EMOTIONS)):
        hit = float(((read == c) & (truth == c)).sum())
        result.append(2 * hit / max(float((read == c).sum() + (truth == c).sum()), 1.0))
    return result


def calibration_error(probabilities: Floats, truth: Ints, bins: int = 15) -> float:
    """Expected calibration error in per cent (Naeini et al. 2015): |confidence - accuracy| over equal bins."""
    sure, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == truth
    at = np.minimum((sure * bins).astype(int), bins - 1)
    return 100 * sum(
        float((at == b).mean()) * abs(float(sure[at == b].mean()) - float(right[at == b].mean()))
        for b in range(bins)
        if (at == b).any()
    )


def _interval(metric: Callable[[Ints, Ints], float], read: Ints, truth: Ints) -> float:
    rng = np.random.default_rng(0)
    drawn = [metric(read[i], truth[i]) for i in (rng.integers(len(truth), size=len(truth)) for _ in range(300))]
    return float(np.percentile(drawn, 97.5) - np.percentile(drawn, 2.5)) / 2


def face_logits(network: Network, data: Path, split: str, rows: int | None = None) -> tuple[Floats, Ints]:
    """Logits (n, 7) and labels (n,) of FER2013's `validation`, `test` or `test-without-copies`."""
    corpus = Fer2013(data / "fer2013")
    faces: Faces = {
        "validation": corpus.validation,
        "test": corpus.test,
        "test-without-copies": lambda: corpus.test(without_copies=True),
    }[split]()
    logits = np.array([network.run(face_input(picture))[0][0] for picture in faces.pictures[:rows]], np.float32)
    return logits, faces.labels[:rows]


def _clips(data: Path, split: str, rows: int | None) -> list[Clip]:
    corpora = CORPORA if rows is None else ("savee",)
    parts = by_speaker([clip for name in corpora for clip in read_corpus(data / "speech", name, CACHE)])
    return {"validation": parts.validation, "test": parts.test}[split][:rows]


def voice_logits(network: Network, data: Path, split: str, rows: int | None = None) -> tuple[Floats, Ints]:
    """Logits (n, 8) of each clip's last three seconds of voice, and labels (n,)."""
    from convert.augment_voices import trimmed

    clips = _clips(data, split, rows)
    parts = [trimmed(clip.real)[-WINDOW:] for clip in clips]
    logits = np.array([network.run(voice_input(log_mel(part)))[0][0] for part in parts], np.float32)
    return logits, np.array([clip.emotion for clip in clips])


def measure(name: str, data: Path, models: Path, rows: int | None = None) -> Figures:
    """Everything the card of `face` or `voice` states, from the pair in `models`."""
    return (_measure_face if name == "face" else _measure_voice)(data, models, rows)


def _measure_face(data: Path, models: Path, rows: int | None) -> Figures:
    model, figures = Model("face", models), Figures()
    for title, split in (
        ("FER2013 PrivateTest (3,589), accuracy", "test"),
        ("FER2013 PrivateTest without copies (3,301), accuracy", "test-without-copies"),
    ):
        logits, truth = face_logits(model.network, data, split, rows)
        read = logits.argmax(axis=1)
        figures.add(title, accuracy(read, truth), _interval(accuracy, read, truth))
    figures.add("the same, UAR", recall(read, truth), _interval(recall, read, truth))
    probabilities = softmax(logits, model.card.temperature)
    figures.add("the same, expected calibration error", calibration_error(probabilities, truth))
    sure = probabilities.max(axis=1)
    answered = sure >= np.quantile(sure, 0.3)
    figures.add("the same, accuracy on the surest 70 %", accuracy(read[answered], truth[answered]))
    return figures


def clip_reading(reader: VoiceReader, samples: Floats) -> Floats | None:
    """(7,) of a whole clip, as `mien analyze` reads it; None when no voice was found in it."""
    from device.sense.analyze import window_ends

    readings = [
        reader.read(SoundWindow(samples[max(end - WINDOW, 0) : end], end / RATE_HZ))
        for end in window_ends(samples, 0.5)
    ]
    heard = [r for r in readings if r is not None]
    return together(heard) if heard else None


def _measure_voice(data: Path, models: Path, rows: int | None) -> Figures:
    model, figures = Model("voice", models), Figures()
    reader = VoiceReader(model)
    clips = _clips(data, "test", rows)
    silent = 0
    probabilities, truth, corpora = [], [], []
    for clip in clips:
        said = clip_reading(reader, clip.real)
        silent += said is None
        # A voice that was not heard is a mistake: an even guess is counted, not left out.
        probabilities.append(np.full(7, 1 / 7, np.float32) if said is None else said)
        truth.append(clip.emotion)
        corpora.append(clip.corpus)
    p, t, c = np.array(probabilities), np.array(truth), np.array(corpora)
    names = {
        "ravdess_speech": "RAVDESS speech, actors 21-24, 8 classes as 7, UAR",
        "ravdess_song": "RAVDESS song, actors 21-24, UAR",
        "savee": "SAVEE, speaker KL, UAR",
    }
    for corpus, title in names.items():
        own = c == corpus
        if own.any():
            read = p[own].argmax(axis=1)
            figures.add(title, recall(read, t[own]), _interval(recall, read, t[own]))
    figures.add("all test speakers, expected calibration error", calibration_error(p, t))
    figures.add("all test speakers, no voice found", 100 * silent / max(len(clips), 1))
    figures.add("ESC-10 kept aside, read as a voice", _false_voices(reader, data))
    return figures


def _false_voices(reader: VoiceReader, data: Path) -> float:
    """Share of the household sounds kept aside (every fifth) in which a voice is heard, in per cent."""
    from convert.corpora.esc10 import read_noises

    noises = read_noises(data / "noise", CACHE)[0][::5]
    heard = [clip_reading(reader, np.asarray(noise / np.float32(32768), np.float32)) is not None for noise in noises]
    return 100 * math.fsum(heard) / len(heard)
