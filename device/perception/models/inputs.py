"""What this Mien feeds each network and reads from it: a pair may be sound in itself, and still not fit."""

import numpy as np

from device.emotions import EMOTIONS, NO_SPEECH, Floats
from device.perception.audio.log_mel import BANDS
from device.perception.audio.prosody import PROSODY
from device.perception.models.bundle import ModelBundle
from device.perception.models.card import Card, parse_card
from device.perception.models.model import Model

FACE_PX = 48
"""Side of the square gray crop that the face network reads: FER2013's own."""
WINDOW_FRAMES = 148
"""Frames of 20 ms that the voice network reads: 3 s of sound."""

_SEVEN = tuple(emotion.value for emotion in EMOTIONS)
_FED = {
    "face": ((1, FACE_PX, FACE_PX, 1), _SEVEN),
    "voice": ((1, WINDOW_FRAMES, BANDS, 2), (*_SEVEN, NO_SPEECH)),
    "prosody": ((1, PROSODY), (*_SEVEN, NO_SPEECH)),
}
"""Shape of the input, and the labels."""
INPUTS = {"face": "face/1", "voice": "voice/1", "prosody": "prosody/1"}
"""The preprocessing a model was trained on, as its card names it. Two inputs of one shape can be made differently.

face/1: 48x48 gray crop, `face_input`. voice/1: 3 s of log-mel and correlogram, a frame of 32 ms each 20 ms,
`voice_input`. prosody/1: `audio.prosody` on the same spectra, against a speaker baseline. A change of one of these is a
new number here.
"""
_NAMES_IN_0_1 = {
    "48x48 gray face, device.sense.prepare.face_input": "face/1",
    "3 s of log-mel and correlogram, a frame of 32 ms each 20 ms, device.sense.prepare.voice_input": "voice/1",
    "device.sense.sound.prosody on the spectra of log-mel, a frame of 32 ms each 20 ms, against a VoiceBaseline": (
        "prosody/1"
    ),
}
"""Cards written before inputs had names go on fitting."""


def open_model(pair: ModelBundle) -> Model:
    """The pair, checked whole. Raises ModelError."""
    check_card(pair)
    return Model(pair)


def check_card(pair: ModelBundle) -> Card:
    """As far as the card tells it, before any network is run. Raises ModelError."""
    card = parse_card(pair)
    shape, labels = _FED[pair.name]
    said = ""
    if card.name != pair.name:
        said = f"is of a model called {card.name}, not {pair.name}"
    elif card.input_shape != shape:
        said = f"takes {card.input_shape}, and this Mien feeds {pair.name} {shape}"
    elif _NAMES_IN_0_1.get(card.input, card.input) != INPUTS[pair.name]:
        said = f"learnt from {card.input!r}, and this Mien feeds {pair.name} {INPUTS[pair.name]!r}"
    elif card.labels != labels:
        said = f"has the labels {', '.join(card.labels)}, and this Mien reads {', '.join(labels)}"
    elif pair.name == "prosody" and not len(card.centre) == len(card.spread) == PROSODY:
        said = f"has {len(card.centre)} numbers of centre and {len(card.spread)} of spread, not {PROSODY} each"
    elif card.learnt and len(card.learnt.axes) != np.dtype("<f2").itemsize * len(card.learnt.mean) * len(card.centre):
        said = f"has {len(card.learnt.axes)} bytes of axes, not two for each of {len(card.learnt.mean)} by {PROSODY}"
    elif not np.isfinite(_numbers(card)).all():
        said = "has a number that is none"
    if said:
        raise pair.off(f"{pair.card_path}: {said}")
    return card


def _numbers(card: Card) -> Floats:
    """All those of `card` that JSON or base64 may tell as none."""
    axes, mean = (card.learnt.axes, card.learnt.mean) if card.learnt else (b"", ())
    told = [*card.centre, *card.spread, *card.resting, *card.accuracy.values(), *mean]
    return np.concatenate([np.array(told, np.float32), np.frombuffer(axes, "<f2").astype(np.float32)])
