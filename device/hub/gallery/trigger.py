"""Decides when the gallery answers a voice: at a new utterance or a new emotion, and it clears after a silence."""

from device.emotions import Emotion
from device.readings import SenseReading

MIN_APART_S = 4.0
"""Faces stay at least this long before others replace them."""
CLEAR_S = 30.0
"""The faces disappear after this long without a clear emotion in a voice."""
_PAUSE_S = 1.0
"""A silence of this long, in addition to the time between two readings, ends an utterance."""


class VoiceTrigger:
    """Decides when the gallery answers a voice. It is fed the mood's voice reading several times a second."""

    def __init__(self, interval_s: float, min_confidence: float) -> None:
        """`interval_s`: the time between two voice readings. One below `min_confidence` (0..1) counts as unknown."""
        self._pause_s = interval_s + _PAUSE_S
        self._min_confidence = min_confidence
        self._shown: Emotion | None = None
        self._shown_s = float("-inf")
        self._clear_voice_s = float("-inf")
        self._is_speaking = False
        self._is_unanswered = False
        """The utterance has not been answered yet."""

    def update(self, voice: SenseReading | None, now_s: float) -> Emotion | None:
        """The emotion to show now, UNKNOWN to clear the gallery, or None to leave it unchanged."""
        # The mood keeps an old reading for a while, so only a recent one means that somebody is speaking.
        is_speaking = voice is not None and voice.age_s <= self._pause_s
        if is_speaking != self._is_speaking:
            self._is_speaking = self._is_unanswered = is_speaking
        emotion = Emotion.UNKNOWN
        if voice is not None and is_speaking and voice.confidence >= self._min_confidence:
            emotion = voice.emotion
        if emotion is Emotion.UNKNOWN:
            if self._shown is not None and now_s - self._clear_voice_s >= CLEAR_S:
                self._shown = None
                return Emotion.UNKNOWN
            return None
        self._clear_voice_s = now_s
        if (not self._is_unanswered and emotion is self._shown) or now_s - self._shown_s < MIN_APART_S:
            return None
        self._shown, self._shown_s, self._is_unanswered = emotion, now_s, False
        return emotion
