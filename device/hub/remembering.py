"""A mood as a row of the history and as a line of the log, with its moment on the wall clock."""

from device.emotions import EMOTIONS, Emotion
from device.hub.clock import moment_utc_s
from device.hub.history_file import Entry, MoodRow
from device.readings import Mood, Said


def change_row(session: str, seq: int, mood: Mood) -> MoodRow:
    """The row of change `seq`: it happened when the emotion began, or the number of people changed after that."""
    face, voice = mood.face, mood.voice
    entry = Entry(
        kind="mood",
        time_s=moment_utc_s(max(mood.since_s, mood.time_s)),
        emotion=mood.emotion.value,
        confidence=round(mood.confidence, 4),
        valence=round(mood.valence, 4),
        arousal=round(mood.arousal, 4),
        people=mood.people,
        probabilities={e.value: round(p, 4) for e, p in zip(EMOTIONS, mood.probabilities, strict=True)},
        face=face.emotion.value if face else None,
        face_confidence=round(face.confidence, 4) if face else None,
        voice=voice.emotion.value if voice else None,
        voice_confidence=round(voice.confidence, 4) if voice else None,
    )
    return MoodRow(session, seq, entry)


def for_pages(entry: Entry) -> dict[str, object]:
    """A change as the page's stream tells it."""
    return {name: getattr(entry, name) for name in ("time_s", "emotion", "confidence", "valence", "arousal", "people")}


def mood_of(entry: Entry) -> Mood:
    """The mood that a stored change was. Its monotonic moments are lost: they are 0. Raises ValueError and KeyError."""
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
        face=Said(Emotion(entry.face), entry.face_confidence or 0.0, 0.0) if entry.face else None,
        voice=Said(Emotion(entry.voice), entry.voice_confidence or 0.0, 0.0) if entry.voice else None,
    )


def told(mood: Mood) -> str:
    """`mood sad 71 % (face sad 64 %, voice sad 80 %), 1 person`."""
    both = (("face", mood.face), ("voice", mood.voice))
    said = [f"{name} {one.emotion.value} {100 * one.confidence:.0f} %" for name, one in both if one]
    people = "1 person" if mood.people == 1 else f"{mood.people} people"
    return f"mood {mood.summary()}{' (' + ', '.join(said) + ')' if said else ''}, {people}"
