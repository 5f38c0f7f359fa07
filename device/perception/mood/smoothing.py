"""A calm Mood from noisy distributions: the prior of a home, smoothing, hysteresis, a minimum hold, and `unknown`.

The networks are trained on datasets in which every emotion is about as frequent as neutral. At home, people are mostly
neutral: their probabilities are adjusted to that here (Saerens et al. 2002, "Adjusting the outputs of a classifier to
new a priori probabilities").
"""

import math

from device.emotions import EMOTIONS, Emotion, Floats, top, uniform, valence_arousal
from device.perception.mood.fusion import Fused
from device.readings import Mood
from device.settings.schema import MoodSettings


class MoodSmoother:
    """Turns fused readings into the mood to show. The caller provides the time."""

    def __init__(self, settings: MoodSettings) -> None:
        self._settings = settings
        self._prior = uniform()
        self._prior[EMOTIONS.index(Emotion.NEUTRAL)] *= settings.neutral_prior
        self.hold_s = settings.hold_s
        """The minimum duration of a mood; may be set at any time."""
        self._smooth: Floats | None = None
        self._at_s = 0.0
        self._emotion = Emotion.UNKNOWN
        self._since_s: float | None = None

    def update(self, fused: Fused, people: int, now_s: float) -> Mood:
        """The mood at `now_s`. `unknown` ends as soon as an emotion is sure enough; it begins only after the hold."""
        at_home = fused.probabilities * self._prior
        at_home /= at_home.sum()
        if not fused.has_reading:
            self._smooth = None  # the fusion has already waited reading_max_age_s
        elif self._smooth is None:
            self._smooth = at_home
        else:
            old = math.exp(-max(now_s - self._at_s, 0.0) / max(self._settings.smoothing_s, 1e-3))
            self._smooth = old * self._smooth + (1 - old) * at_home
        self._at_s = now_s
        next_emotion = self._next_emotion()
        may_change = self._since_s is None or self._emotion is Emotion.UNKNOWN or now_s - self._since_s >= self.hold_s
        if self._since_s is None or (next_emotion is not self._emotion and may_change):
            self._emotion, self._since_s = next_emotion, now_s
        shown = uniform() if self._smooth is None else self._smooth
        sure = float(shown.max() if self._emotion is Emotion.UNKNOWN else shown[EMOTIONS.index(self._emotion)])
        valence, arousal = valence_arousal(shown)
        return Mood(
            emotion=self._emotion,
            confidence=round(sure if self._smooth is not None else 0.0, 4),
            valence=round(valence, 4),
            arousal=round(arousal, 4),
            probabilities=tuple(round(float(p), 4) for p in shown),
            people=people,
            since_s=self._since_s,
            time_s=fused.time_s or now_s,
            face=fused.face,
            voice=fused.voice,
        )

    def _next_emotion(self) -> Emotion:
        """The emotion of the smoothed distribution; another one must beat the current one by `hysteresis`."""
        if self._smooth is None:
            return Emotion.UNKNOWN
        hysteresis, min_confidence = self._settings.hysteresis, self._settings.min_confidence
        likeliest, best = top(self._smooth), float(self._smooth.max())
        if self._emotion is not Emotion.UNKNOWN and likeliest is not self._emotion:
            current = float(self._smooth[EMOTIONS.index(self._emotion)])
            if best < current + hysteresis and current >= min_confidence - hysteresis:
                return self._emotion
        # Staying needs less confidence than entering; otherwise a mood near the threshold would flicker.
        edge = min_confidence - (hysteresis / 2 if likeliest is self._emotion else 0.0)
        return likeliest if best >= edge else Emotion.UNKNOWN
