"""What Mien feeds each network and reads from it. Even an undamaged model may not fit."""

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

_LABELS = tuple(emotion.value for emotion in EMOTIONS)
_SHAPES_AND_LABELS = {
    "face": ((1, FACE_PX, FACE_PX, 1), _LABELS),
    "voice": ((1, WINDOW_FRAMES, BANDS, 2), (*_LABELS, NO_SPEECH)),
    "prosody": ((1, PROSODY), (*_LABELS, NO_SPEECH)),
}
"""The shape of the input, and the labels."""
INPUTS = {"face": "face/1", "voice": "voice/1", "prosody": "prosody/1"}
"""The preprocessing a model was trained on, as its card names it. Inputs of the same shape can be computed differently.

face/1: 48x48 gray crop, `face_input`. voice/1: 3 s of log-mel and correlogram, a 32 ms frame every 20 ms,
`voice_input`. prosody/1: `audio.prosody` on the same spectra, relative to a speaker baseline. Changing one of these
needs a new number here.
"""
_NAMES_IN_0_1 = {
    "48x48 gray face, device.sense.prepare.face_input": "face/1",
    "3 s of log-mel and correlogram, a frame of 32 ms each 20 ms, device.sense.prepare.voice_input": "voice/1",
    "device.sense.sound.prosody on the spectra of log-mel, a frame of 32 ms each 20 ms, against a VoiceBaseline": (
        "prosody/1"
    ),
}
"""Old cards, written before inputs had names, still work."""


def open_model(bundle: ModelBundle) -> Model:
    """Check a bundle fully and open its model. Raises ModelError."""
    check_card(bundle)
    return Model(bundle)


def check_card(bundle: ModelBundle) -> Card:
    """Check that the model fits, judging by its card alone, without running the network. Raises ModelError."""
    card = parse_card(bundle)
    shape, labels = _SHAPES_AND_LABELS[bundle.name]
    problem = ""
    if card.name != bundle.name:
        problem = f"is of a model called {card.name}, not {bundle.name}"
    elif card.input_shape != shape:
        problem = f"takes {card.input_shape}, and this Mien feeds {bundle.name} {shape}"
    elif _NAMES_IN_0_1.get(card.input, card.input) != INPUTS[bundle.name]:
        problem = f"was trained on {card.input!r}, and this Mien feeds {bundle.name} {INPUTS[bundle.name]!r}"
    elif card.labels != labels:
        problem = f"has the labels {', '.join(card.labels)}, and this Mien reads {', '.join(labels)}"
    elif bundle.name == "prosody" and not len(card.centre) == len(card.spread) == PROSODY:
        problem = f"has {len(card.centre)} numbers of centre and {len(card.spread)} of spread, not {PROSODY} each"
    elif (data := card.training) and len(data.axes) != np.dtype("<f2").itemsize * len(data.mean) * len(card.centre):
        problem = f"has {len(data.axes)} bytes of axes, not two for each of {len(data.mean)} by {PROSODY}"
    elif not np.isfinite(_numbers(card)).all():
        problem = "has a number that is not finite"
    if problem:
        raise bundle.error(f"{bundle.card_path}: {problem}")
    return card


def _numbers(card: Card) -> Floats:
    """The numbers of `card` that JSON or base64 may leave infinite or undefined."""
    axes, mean = (card.training.axes, card.training.mean) if card.training else (b"", ())
    numbers = [*card.centre, *card.spread, *card.neutral_prior, *card.accuracy.values(), *mean]
    return np.concatenate([np.array(numbers, np.float32), np.frombuffer(axes, "<f2").astype(np.float32)])
