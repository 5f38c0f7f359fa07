"""A calm Mood out of nervous distributions: smoothing in time, hysteresis, a minimum hold, and `unknown`."""

import math

from device.emotions import EMOTIONS, Emotion, Floats, top, uniform, valence_arousal
from device.perception.mood.fusion import Fused
from device.readings import Mood
from device.settings.schema import MoodSettings


class MoodSmoother:
    """Turns what is fused now into the mood that is shown. Time is the caller's."""

    def __init__(self, settings: MoodSettings) -> None:
        self._settings = settings
        self.hold_s = settings.hold_s
        """How long a mood stays at least; may be set at any time."""
        self._smooth: Floats | None = None
        self._at_s = 0.0
        self._emotion = Emotion.UNKNOWN
        self._since_s: float | None = None

    def update(self, fused: Fused, people: int, now_s: float) -> Mood:
        """The mood at `now_s`. `unknown` is left at once when something is sure; it comes after a hold."""
        if fused.heard_or_seen:
            if self._smooth is None:
                self._smooth = fused.probabilities
            else:
                keep = math.exp(-max(now_s - self._at_s, 0.0) / max(self._settings.smoothing_s, 1e-3))
                self._smooth = keep * self._smooth + (1 - keep) * fused.probabilities
        else:
            self._smooth = None  # the fusion has already waited for what went silent
        self._at_s = now_s
        wanted = self._wanted()
        if self._since_s is None or (wanted is not self._emotion and self._may_change(now_s)):
            self._emotion, self._since_s = wanted, now_s
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

    def _wanted(self) -> Emotion:
        """What the smoothed distribution asks for, the present mood being favoured by `hysteresis`."""
        if self._smooth is None:
            return Emotion.UNKNOWN
        likeliest = top(self._smooth)
        best = float(self._smooth.max())
        if self._emotion is not Emotion.UNKNOWN and likeliest is not self._emotion:
            present = float(self._smooth[EMOTIONS.index(self._emotion)])
            if (
                best < present + self._settings.hysteresis
                and present >= self._settings.min_confidence - self._settings.hysteresis
            ):
                return self._emotion
        # Leaving takes less than entering: at the very edge a mood would come and go with each breath.
        edge = self._settings.min_confidence - (self._settings.hysteresis / 2 if likeliest is self._emotion else 0.0)
        return likeliest if best >= edge else Emotion.UNKNOWN

    def _may_change(self, now_s: float) -> bool:
        held = now_s - (self._since_s if self._since_s is not None else -math.inf)
        return self._emotion is Emotion.UNKNOWN or held >= self.hold_s
