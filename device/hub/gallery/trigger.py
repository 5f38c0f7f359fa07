"""When the gallery answers to a voice: at a new utterance or another emotion, calmly, and it goes after a silence."""

from device.emotions import Emotion
from device.readings import SenseReading

MIN_APART_S = 4.0
"""Faces stay at least so long before others come."""
CLEAR_S = 30.0
"""After so long without a voice that is sure of anything, they go."""
_PAUSE_S = 1.0
"""Beside the time between two readings, a silence of so long ends an utterance."""


class VoiceTrigger:
    """Fed with what the mood says of the voice, several times a second."""

    def __init__(self, interval_s: float, min_confidence: float) -> None:
        """`interval_s`: how often a voice is read. One less sure than `min_confidence` (0..1) is as good as unknown."""
        self._pause_s = interval_s + _PAUSE_S
        self._least = min_confidence
        self._shown: Emotion | None = None
        self._shown_s = float("-inf")
        self._heard_s = float("-inf")
        self._spoke = False
        self._new = False
        """An utterance that has not been answered yet."""

    def due(self, voice: SenseReading | None, now_s: float) -> Emotion | None:
        """The emotion to be answered at `now_s`, UNKNOWN to clear what is shown, None to leave it."""
        # While an utterance goes on, its newest reading is young; the mood keeps it a while longer.
        speaks = voice is not None and voice.age_s <= self._pause_s
        if speaks != self._spoke:
            self._spoke = self._new = speaks
        if voice is None or not speaks or voice.confidence < self._least or voice.emotion is Emotion.UNKNOWN:
            if self._shown is not None and now_s - self._heard_s >= CLEAR_S:
                self._shown = None
                return Emotion.UNKNOWN
            return None
        self._heard_s = now_s
        if (not self._new and voice.emotion is self._shown) or now_s - self._shown_s < MIN_APART_S:
            return None
        self._shown, self._shown_s, self._new = voice.emotion, now_s, False
        return voice.emotion
