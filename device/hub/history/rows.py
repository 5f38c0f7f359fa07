"""The rows of the history, and conversions between them and moods."""

from msgspec import Struct

from device.emotions import EMOTIONS, Emotion
from device.hub.wording import format_mood
from device.readings import Mood, SenseReading
from device.system.clock import to_utc_s

ALIVE_S = 5.0
"""How often a heartbeat is stored while sense is connected."""
BLIND = "the camera saw nothing"
"""The reason of a gap in which only faces are unknown: moods from a voice still count, an empty room does not."""


class Entry(Struct, frozen=True, omit_defaults=True):
    """One line of the history: a mood, an action or a gap. Times are UTC seconds since 1970."""

    kind: str
    """`mood`, `action` or `gap`."""
    time_s: float
    emotion: str | None = None
    confidence: float | None = None
    valence: float | None = None
    arousal: float | None = None
    people: int | None = None
    probabilities: dict[str, float] | None = None
    face: str | None = None
    face_confidence: float | None = None
    voice: str | None = None
    voice_confidence: float | None = None
    rule: str | None = None
    action: str | None = None
    """JSON, as in the settings, without what may be a secret."""
    result: str | None = None
    """`done`, or what went wrong."""
    until_s: float | None = None
    """The end of a gap; None while it lasts."""
    why: str | None = None


class MoodRow(Struct, frozen=True):
    """A change of mood. Each (session, seq) is stored once."""

    session: str
    seq: int
    entry: Entry


class GapStart(Struct, frozen=True):
    """Nothing is known from here on. Ignored while another gap is open."""

    time_s: float
    why: str


class GapEnd(Struct, frozen=True):
    """Sense is connected again."""

    time_s: float


class Delivered(Struct, frozen=True):
    """The broker has acknowledged this change and all before it. After a restart, the outbox continues after it."""

    session: str
    seq: int


class Heartbeat(Struct, frozen=True):
    """Sense was connected at this moment. After a crash, the gap begins at the last heartbeat."""

    time_s: float
    blind_since_s: float | None = None
    """Since when its camera has seen nothing; None while it sees."""


Row = MoodRow | Entry | GapStart | GapEnd | Delivered | Heartbeat


def build_mood_row(session: str, seq: int, mood: Mood) -> MoodRow:
    """The row of change `seq`. Its time is when the emotion began, or when the number of people changed after that."""
    face, voice = mood.face, mood.voice
    entry = Entry(
        kind="mood",
        time_s=to_utc_s(max(mood.since_s, mood.time_s)),
        **mood.as_json(4, with_people=True),
        face=face.emotion.value if face else None,
        face_confidence=round(face.confidence, 4) if face else None,
        voice=voice.emotion.value if voice else None,
        voice_confidence=round(voice.confidence, 4) if voice else None,
    )
    return MoodRow(session, seq, entry)


def build_page_event(entry: Entry) -> dict[str, object]:
    """A change as the page's event stream sends it."""
    return {name: getattr(entry, name) for name in ("time_s", "emotion", "confidence", "valence", "arousal", "people")}


def mood_from_entry(entry: Entry) -> Mood:
    """The mood of a stored change. Its monotonic times are lost and 0. Raises ValueError and KeyError."""
    shares = entry.probabilities or {}
    return Mood(
        emotion=Emotion(entry.emotion or ""),
        confidence=entry.confidence or 0.0,
        valence=entry.valence or 0.0,
        arousal=entry.arousal or 0.0,
        probabilities=tuple(shares[emotion.value] for emotion in EMOTIONS),
        people=entry.people or 0,
        since_s=0.0,
        time_s=0.0,
        face=SenseReading(Emotion(entry.face), entry.face_confidence or 0.0, 0.0) if entry.face else None,
        voice=SenseReading(Emotion(entry.voice), entry.voice_confidence or 0.0, 0.0) if entry.voice else None,
    )


def describe_mood(mood: Mood) -> str:
    """`mood sad 71 % (face sad 64 %, voice sad 80 %), 1 person`."""
    readings = (("face", mood.face), ("voice", mood.voice))
    senses = [(name, reading.emotion.value, reading.confidence) for name, reading in readings if reading]
    return f"mood {format_mood(mood.emotion.value, mood.confidence, senses, mood.people)}"
