"""The values from device to mood: Frame -> Face -> FaceReading, SoundWindow -> VoiceReading, and both -> Mood.

Times are seconds of CLOCK_MONOTONIC, which all processes of a machine share, and which clock changes do not affect.
"""

from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
import numpy as np
import numpy.typing as npt

from device.emotions import EMOTIONS, Emotion, Floats
from device.system.text import Line, to_line

ONE_EACH = msgspec.Meta(min_length=len(EMOTIONS), max_length=len(EMOTIONS))
"""One number for each of EMOTIONS. A longer row could carry sound from `sense` to `hub`."""


_Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Shares = Annotated[tuple[_Share, ...], ONE_EACH]
"""In EMOTIONS' order."""
_Signed = Annotated[float, msgspec.Meta(ge=-1, le=1)]
_Seconds = Annotated[float, msgspec.Meta(ge=0, le=1e10)]


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture from the camera."""

    pixels: npt.NDArray[np.uint8]
    """(height, width, 3) uint8, RGB."""
    time_s: float
    """When it was taken."""
    small: npt.NDArray[np.uint8] | None = None
    """(h, w) uint8 gray, the same picture at about a quarter of the size, if the camera's own scaler makes one."""


@dataclass(frozen=True, slots=True)
class Face:
    """One face found in a frame."""

    box: tuple[float, float, float, float]
    """x, y, width, height in px of the frame; may reach beyond its border."""
    score: float
    """The detector's confidence, 0..1."""
    key_points: npt.NDArray[np.float32]
    """(6, 2) px: right eye, left eye, nose tip, mouth centre, right ear, left ear; right is the person's own right."""
    crop: npt.NDArray[np.uint8] | None = None
    """(48, 48) uint8 gray, eyes level, framed as in the network's corpus."""
    track: int = 0
    """The person's number while they stay in view; 0 before tracking."""


@dataclass(frozen=True, slots=True)
class FaceReading:
    """The face network's reading of one face."""

    face: Face
    probabilities: Floats
    """(7,), calibrated."""
    quality: float
    """0..1: how much the network can be trusted on this crop, judged by its size, sharpness and head pose."""
    time_s: float


@dataclass(frozen=True, slots=True)
class SoundWindow:
    """The last few seconds of sound."""

    samples: Floats
    """(n,) float32 in -1..1, 16 kHz mono; at most 3 s."""
    end_s: float
    """When the last sample was recorded."""
    at: int = 0
    """The number of the first sample in its stream. Windows a whole hop apart share frames."""


@dataclass(frozen=True, slots=True)
class VoiceReading:
    """The voice networks' reading of one window."""

    probabilities: Floats
    """(7,), calibrated."""
    speech_share: float
    """0..1: how much of the window is a voice; there is no reading below `microphone.min_speech`."""
    time_s: float


class SenseReading(msgspec.Struct, frozen=True):
    """What one sense contributes to a mood."""

    emotion: Emotion
    confidence: _Share
    """0..1: the probability of `emotion`."""
    age_s: _Seconds
    """The age of its newest reading."""


class Mood(msgspec.Struct, frozen=True):
    """How the room feels. Rules, the history, displays and other programs get nothing else."""

    emotion: Emotion
    """`unknown` if nobody is there, no emotion is sure enough, or everything is muted."""
    confidence: _Share
    """0..1: the fused, smoothed probability of `emotion`; for `unknown`, that of the most likely emotion."""
    valence: _Signed
    """-1..1, unpleasant to pleasant."""
    arousal: _Signed
    """-1..1, calm to excited."""
    probabilities: Shares
    """In EMOTIONS' order."""
    people: Annotated[int, msgspec.Meta(ge=0, lt=1000)]
    """Faces in view."""
    since_s: _Seconds
    """When `emotion` began."""
    time_s: _Seconds
    """The time of the newest frame or sound in it."""
    face: SenseReading | None = None
    voice: SenseReading | None = None

    def summary(self) -> str:
        """The emotion and its confidence, for people: `happy 82 %`."""
        return f"{self.emotion.value} {100 * self.confidence:.0f} %"

    def as_json(self, digits: int, *, with_people: bool = False) -> dict[str, Any]:
        """The emotion, its numbers rounded to `digits` places, and each probability by its emotion's name."""
        return {
            "emotion": self.emotion.value,
            "confidence": round(self.confidence, digits),
            "valence": round(self.valence, digits),
            "arousal": round(self.arousal, digits),
            **({"people": self.people} if with_people else {}),
            "probabilities": {e.value: round(p, digits) for e, p in zip(EMOTIONS, self.probabilities, strict=True)},
        }


class SenseBaseline(msgspec.Struct, frozen=True):
    """What one sense reads while this household is neutral."""

    readings: Annotated[int, msgspec.Meta(ge=0, lt=2**31)]
    shares: Shares
    """The geometric mean of the readings."""


class Baseline(msgspec.Struct, frozen=True):
    """A household's neutral: all that is stored about a minute of neutral faces and voices."""

    recorded_utc_s: Annotated[float, msgspec.Meta(ge=-1e11, le=1e11)]
    face: SenseBaseline | None = None
    voice: SenseBaseline | None = None


class Recording(msgspec.Struct, frozen=True):
    """A recording of the neutral in progress, or the last one."""

    left_s: Annotated[float, msgspec.Meta(ge=0, le=3600)] = 0.0
    """0 if none is in progress."""
    message: Line = msgspec.field(default="", name="said")
    """For a person: what to do, or how the last recording ended."""

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "message", to_line(self.message))
