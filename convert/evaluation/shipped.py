"""Runs the committed .tflite files on their test sets, through the device's own code."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from convert.datasets.noise.esc10 import read_named_noises, select_held_out
from convert.datasets.pictures.fer2013 import Faces, Fer2013
from convert.datasets.speech.clips import TRAINING_CORPORA, Clip, read_corpus, split_by_speaker
from convert.evaluation.predictions import CLASSES, Predictions, predict_clips
from device.emotions import EMOTIONS, Floats
from device.perception.audio.dc_offset import remove_dc
from device.perception.audio.stft import RATE_HZ
from device.perception.face.classifier import face_input
from device.perception.models.card import MODELS
from device.perception.models.model import Model
from device.perception.offline.analyze import average_by_speech, window_ends
from device.perception.tflite import Network
from device.perception.voice.classifier import WINDOW, VoiceReader
from device.readings import SoundWindow
from device.settings.schema import Microphone

FERPLUS_CLASSES = ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt")
AS_PUBLISHED = Path(__file__).parents[1] / "published" / "face.tflite"
"""The face network trained on all Training rows, for comparison with published results. It is not on the device."""
FER2013_ONLY = AS_PUBLISHED.with_name("face-fer2013-only.tflite")
"""The face network of FER2013 and FER+ alone, trained without copies of the test pictures: the one that ships. The
network that also learns web portraits starts from this copy, so its chain stays whole once it ships itself."""
FERPLUS_WEIGHT = 0.25
"""Weight of FER+'s logits in the seven of FER2013_ONLY; `report.ferplus_weight` explains it.
The network as published has none, because it is compared with others by FER2013's labels only."""
CACHE = Path("cache")


def load_published_face() -> Network:
    """Load AS_PUBLISHED."""
    return Network(AS_PUBLISHED.read_bytes(), str(AS_PUBLISHED))


def load_fer2013_only() -> Network:
    """Load FER2013_ONLY."""
    return Network(FER2013_ONLY.read_bytes(), str(FER2013_ONLY))


def load_shipped(name: str, models: Path = MODELS) -> Model:
    """Load a model of the device."""
    return Model(name, models)


def predict_faces(network: Network, faces: Faces) -> tuple[Predictions, Predictions]:
    """Predict FER2013's seven for all `faces`, and FER+'s eight for those whose votes have a majority."""
    outputs = [network.run(face_input(picture)) for picture in faces.pictures]
    return make_face_predictions(faces, np.array([s[0][0] for s in outputs]), np.array([s[1][0] for s in outputs]))


def make_face_predictions(faces: Faces, emotions: Floats, ferplus: Floats) -> tuple[Predictions, Predictions]:
    """The logits (n, 7) and (n, 8) of `faces` as predictions, like `predict_faces`."""
    names = np.array([str(i) for i in range(len(faces))])
    groups, corpora = np.full(len(faces), ""), np.full(len(faces), "fer2013")
    majority = faces.majority()
    votes = Predictions(FERPLUS_CLASSES, ferplus, majority, names, groups, corpora)
    return Predictions(CLASSES, emotions, faces.labels, names, groups, corpora), votes.select(majority >= 0)


def read_private_test(data: Path, *, without_copies: bool = False, rows: int | None = None) -> Faces:
    """Read PrivateTest."""
    return Fer2013(data / "fer2013").test(without_copies=without_copies).first(rows or 10**6)


def read_clips(data: Path, split: str, rows: int | None = None) -> list[Clip]:
    """The shipped network's `validation` or `test` clips; with `rows`, only SAVEE's."""
    corpora = TRAINING_CORPORA if rows is None else ("savee",)
    parts = split_by_speaker([clip for name in corpora for clip in read_corpus(data / "speech", name, CACHE)])
    return {"validation": parts.validation, "test": parts.test}[split][:rows]


def read_clip(reader: VoiceReader, samples: Floats) -> Floats | None:
    """Probabilities (7,) of a whole clip, as `mien analyze` computes them; None when no voice was found in it."""
    samples, interval_s = remove_dc(samples), Microphone().interval_s
    ends = [(max(end - WINDOW, 0), end) for end in window_ends(samples, interval_s)]
    readings = [reader.read(SoundWindow(samples[begin:end], end / RATE_HZ, begin)) for begin, end in ends]
    with_voice = [r for r in readings if r is not None]
    return average_by_speech(with_voice) if with_voice else None


def fill_missing(outputs: Sequence[Floats | None]) -> Floats:
    """(n, 7): the probabilities of each clip, equal ones where no voice was found."""
    equal = np.full(len(EMOTIONS), 1 / len(EMOTIONS), np.float32)
    return np.array([equal if p is None else p for p in outputs], np.float32)


def load_voice_reader(models: Path = MODELS) -> VoiceReader:
    """Load the shipped voice networks in the device's reader, which has not heard anybody yet."""
    return VoiceReader(load_shipped("voice", models), load_shipped("prosody", models))


def predict_voices(models: Path, clips: list[Clip], *, known: bool = False) -> tuple[Predictions, float]:
    """The log-probabilities of `mien analyze` for each clip, and the per cent of clips in which it found no voice.

    `known`: predict as the device does after it has heard all of the speaker's clips, without labels. A clip without a
    detected voice counts as an error with equal probabilities; it is not left out.
    """
    readers = {(clip.speaker, clip.corpus): load_voice_reader(models) for clip in clips} if known else {}
    for clip in clips if known else ():
        window = SoundWindow(remove_dc(clip.real), len(clip.samples) / RATE_HZ)
        readers[clip.speaker, clip.corpus].read(window, learn=1.0)
    new_reader = load_voice_reader(models)
    outputs = [read_clip(readers.get((clip.speaker, clip.corpus), new_reader), clip.real) for clip in clips]
    logits = np.log(fill_missing(outputs) + 1e-6)
    return predict_clips(logits, clips), 100 * float(np.mean([p is None for p in outputs]))


def count_false_voices(models: Path, data: Path) -> tuple[int, int]:
    """(sounds with a detected voice, sounds), of the held-out household sounds from recordings not in training."""
    reader, noises = load_voice_reader(models), read_named_noises(data / "noise", CACHE)
    sounds = [noises[i].samples for i in select_held_out([noise.name for noise in noises])]
    detections = [read_clip(reader, np.asarray(sound / np.float32(32768), np.float32)) is not None for sound in sounds]
    return sum(detections), len(detections)
