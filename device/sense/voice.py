"""SoundWindow -> VoiceReading: the gate, the features, the voice network."""

import numpy as np

from device.emotions import EMOTIONS, softmax
from device.readings import SoundWindow, VoiceReading
from device.sense.features import HOP, RATE_HZ
from device.sense.model import Model
from device.sense.prepare import voice_input
from device.sense.speech_gate import speech_frames

WINDOW = 3 * RATE_HZ
"""Samples that the network reads at a time."""
NO_SPEECH = "no_speech"


class VoiceReader:
    """Reads sound with one model pair."""

    def __init__(self, model: Model, least_speech: float = 0.25) -> None:
        """`least_speech`: a window with a smaller share of voice gives no reading."""
        self._model = model
        self._least_speech = least_speech

    def read(self, window: SoundWindow) -> VoiceReading | None:
        """What the network says of the voice in a window; None when there is too little of one in it.

        The share of speech is that of the frames that pass the gate, times the network's own belief that what it
        heard is a voice and not a dog, a clock or a song's band.
        """
        samples = window.samples[-WINDOW:]
        marked = np.flatnonzero(speech_frames(samples))
        # Counted against one second at least: two syllables in an empty window are a voice, a click is not.
        share = len(marked) / max(min(len(samples) // HOP, 300), 100)
        if share < self._least_speech:
            return None
        # The quiet at both ends says how the recording was cut, not how it was spoken.
        part = samples[max(int(marked[0]) - 5, 0) * HOP : (int(marked[-1]) + 6) * HOP]
        probabilities = softmax(self._model.network.run(voice_input(part))[0][0], self._model.card.temperature)
        spoken = 1 - float(probabilities[self._model.card.labels.index(NO_SPEECH)])
        share *= spoken
        if spoken < 0.5 or share < self._least_speech:
            return None
        emotions = probabilities[: len(EMOTIONS)]
        return VoiceReading(emotions / emotions.sum(), float(min(share, 1.0)), window.end_s)
