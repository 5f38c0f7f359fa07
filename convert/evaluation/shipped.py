"""The committed .tflite files asked about their test sets, through the device's own code."""

from pathlib import Path

import numpy as np

from convert.datasets.clips import TRAINING_CORPORA, Clip, read_corpus, split_by_speaker
from convert.datasets.esc10 import read_named_noises, select_held_out
from convert.datasets.fer2013 import Faces, Fer2013
from convert.evaluation.predictions import Predictions
from device.emotions import EMOTIONS, Floats
from device.perception.audio.dc_offset import remove_dc
from device.perception.audio.stft import RATE_HZ
from device.perception.face.classifier import face_input
from device.perception.models.card import MODELS
from device.perception.models.model import Model
from device.perception.offline.analyze import together, window_ends
from device.perception.tflite import Network
from device.perception.voice.classifier import WINDOW, VoiceReader
from device.readings import SoundWindow
from device.settings.schema import Microphone

FERPLUS_CLASSES = ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt")
CLASSES = tuple(e.value for e in EMOTIONS)
AS_PUBLISHED = Path(__file__).parents[1] / "published" / "face.tflite"
"""The face network trained on all Training rows, for the comparison with what others publish. Not on the device."""
FERPLUS_WEIGHT = 0.25
"""What FER+'s logits are multiplied by before they are added to the seven of the shipped network. `report.advice` tells
why; the network as published has none: its answers stand beside those of others, by FER2013's labels alone."""
CACHE = Path("cache")


def load_published_face() -> Network:
    """The network of AS_PUBLISHED."""
    return Network(AS_PUBLISHED.read_bytes(), str(AS_PUBLISHED))


def load_shipped(name: str, models: Path = MODELS) -> Model:
    """The model pair on the device."""
    return Model(name, models)


def predict_faces(network: Network, faces: Faces) -> tuple[Predictions, Predictions]:
    """FER2013's seven for all `faces`, and FER+'s eight for those whose votes have a majority."""
    said = [network.run(face_input(picture)) for picture in faces.pictures]
    return make_face_predictions(faces, np.array([s[0][0] for s in said]), np.array([s[1][0] for s in said]))


def make_face_predictions(faces: Faces, emotions: Floats, ferplus: Floats) -> tuple[Predictions, Predictions]:
    """Logits (n, 7) and (n, 8) of `faces`, as `predict_faces` gives them."""
    names = np.array([str(i) for i in range(len(faces))])
    nobody, corpora = np.full(len(faces), ""), np.full(len(faces), "fer2013")
    majority = faces.majority()
    votes = Predictions(FERPLUS_CLASSES, ferplus, majority, names, nobody, corpora)
    return Predictions(CLASSES, emotions, faces.labels, names, nobody, corpora), votes.where(majority >= 0)


def read_private_test(data: Path, *, without_copies: bool = False, rows: int | None = None) -> Faces:
    """PrivateTest."""
    return Fer2013(data / "fer2013").test(without_copies=without_copies).first(rows or 10**6)


def read_clips(data: Path, split: str, rows: int | None = None) -> list[Clip]:
    """The shipped network's `validation` or `test` clips; with `rows` of SAVEE alone."""
    corpora = TRAINING_CORPORA if rows is None else ("savee",)
    parts = split_by_speaker([clip for name in corpora for clip in read_corpus(data / "speech", name, CACHE)])
    return {"validation": parts.validation, "test": parts.test}[split][:rows]


def read_clip(reader: VoiceReader, samples: Floats) -> Floats | None:
    """(7,) of a whole clip, as `mien analyze` reads it; None when no voice was found in it."""
    samples, interval_s = remove_dc(samples), Microphone().interval_s
    ends = [(max(end - WINDOW, 0), end) for end in window_ends(samples, interval_s)]
    readings = [reader.read(SoundWindow(samples[begin:end], end / RATE_HZ, begin)) for begin, end in ends]
    heard = [r for r in readings if r is not None]
    return together(heard) if heard else None


def load_voice_reader(models: Path = MODELS) -> VoiceReader:
    """The shipped voice networks, as the device reads with them; one who has not heard anybody yet."""
    return VoiceReader(load_shipped("voice", models), load_shipped("prosody", models))


def predict_voices(models: Path, clips: list[Clip], *, known: bool = False) -> tuple[Predictions, float]:
    """What `mien analyze` says of each clip, as log-probabilities, and the share in which it found no voice.

    `known`: what the living room says once it has heard all the clips of the speaker, without their labels. A voice
    that was not heard is a mistake: an even guess is counted, not left out.
    """
    readers = {(clip.speaker, clip.corpus): load_voice_reader(models) for clip in clips} if known else {}
    for clip in clips if known else ():
        readers[clip.speaker, clip.corpus].read(
            SoundWindow(remove_dc(clip.real), len(clip.samples) / RATE_HZ), learn=1.0
        )
    stranger = load_voice_reader(models)
    said = [read_clip(readers.get((clip.speaker, clip.corpus), stranger), clip.real) for clip in clips]
    even = np.full(len(EMOTIONS), 1 / len(EMOTIONS), np.float32)
    return Predictions(
        CLASSES,
        np.log(np.array([even if p is None else p for p in said], np.float32) + 1e-6),
        np.array([clip.emotion for clip in clips]),
        np.array([clip.name for clip in clips]),
        np.array([f"{clip.speaker} {clip.sex}" for clip in clips]),
        np.array([clip.corpus for clip in clips]),
    ), 100 * float(np.mean([p is None for p in said]))


def count_false_voices(models: Path, data: Path) -> tuple[int, int]:
    """In how many household sounds a voice is heard, of how many: those kept aside, of no recording in training."""
    reader, noises = load_voice_reader(models), read_named_noises(data / "noise", CACHE)
    sounds = [noises[i].samples for i in select_held_out([noise.name for noise in noises])]
    heard = [read_clip(reader, np.asarray(sound / np.float32(32768), np.float32)) is not None for sound in sounds]
    return sum(heard), len(heard)
