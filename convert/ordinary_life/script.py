"""The script of an hour: who is in view, who talks, which sounds there are, and which real moods. All of it is drawn.

Every visit is another person: an hour then says as much as possible about people, and as little as possible about one.
"""

from dataclasses import dataclass, field, replace
from itertools import cycle, product
from typing import Literal, TypeVar

import numpy as np

from convert.ordinary_life.material import Material
from convert.ordinary_life.portraits import Portrait
from device.emotions import EMOTIONS, Emotion, Floats
from device.perception.audio.stft import RATE_HZ

Sense = Literal["both", "face", "voice"]
T = TypeVar("T")
SENSES: tuple[Sense, ...] = ("both", "face", "voice")
HOUR_S = 3600.0
EPISODE_S = 30.0
"""How long a real mood lasts: an outburst. Longer ones are easier to act on."""
_SLOT_S = 90.0
_CALM_S = 30.0
"""Ordinary life before each episode."""
_SEATS = 2
_PRESENT_S, _ABSENT_S = 360.0, 300.0
_MIN_VISIT_S = 20.0
_TALKS_EVERY_S = 150.0
_NOISES_PER_HOUR = 40
_UNLABELLED = 0.4
"""The share of visitors who come from `people`."""
_TALKS_AT_DOOR = 0.4
"""The share of people who talk while they leave."""
_UNSEEN = 0.2
"""The share of conversations with somebody out of view while others are in view."""


@dataclass(frozen=True)
class Visit:
    """Somebody in view from `start_s` to `end_s`."""

    start_s: float
    end_s: float
    portrait: Portrait
    mood: Portrait | None = None
    """The face during the episode of the visit."""
    mood_s: tuple[float, float] = (0.0, 0.0)
    """From when to when `mood` is seen."""


@dataclass(frozen=True)
class Sound:
    """Something to hear."""

    start_s: float
    samples: Floats
    level_db: float
    """dBFS of its louder half."""
    visit: int = -1
    """Who in view says it: index of a visit, or -1."""

    @property
    def end_s(self) -> float:
        """When it is over."""
        return self.start_s + len(self.samples) / RATE_HZ


@dataclass(frozen=True)
class Episode:
    """A real mood: `emotion` in the face, in the voice or in both."""

    start_s: float
    emotion: Emotion
    sense: Sense

    @property
    def end_s(self) -> float:
        """When it is over."""
        return self.start_s + EPISODE_S


@dataclass(frozen=True)
class Script:
    """What happens within `length_s`. `seed` draws the movements."""

    seed: int
    visits: list[Visit]
    voices: list[Sound]
    noises: list[Sound]
    room: Floats
    """The impulse response; (1,) without a room."""
    episodes: list[Episode] = field(default_factory=list)
    length_s: float = HOUR_S


def draw_ordinary_hour(material: Material, seed: int, length_s: float = HOUR_S) -> Script:
    """An hour without any real mood."""
    rng = np.random.default_rng((seed, 1))
    visits = [visit for _ in range(_SEATS) for visit in _draw_visits(material, length_s, rng)]
    voices: list[Sound] = []
    talk_s = rng.exponential(_TALKS_EVERY_S)
    while talk_s < length_s:
        sounds = _draw_conversation(material, visits, talk_s, int(rng.integers(2, 8)), rng)
        voices += sounds
        talk_s = sounds[-1].end_s + rng.exponential(_TALKS_EVERY_S)
    voices += [_draw_goodbye(material, visits, i, rng) for i in range(len(visits)) if rng.random() < _TALKS_AT_DOOR]
    noises, room = _draw_noises(material, length_s, rng), _draw_room(material, rng)
    return Script(seed, visits, voices, noises, room, length_s=length_s)


def draw_moody_hour(material: Material, seed: int, length_s: float = HOUR_S) -> Script:
    """An hour in which a real mood comes up every 90 s, each emotion in both senses and in each alone.

    With a mood in the face, its owner is in view before and afterwards. With one in the voice alone, nobody is in view.
    """
    rng = np.random.default_rng((seed, 2))
    kinds = list(product([e for e in EMOTIONS if e is not Emotion.NEUTRAL], SENSES))
    order = cycle([kinds[i] for i in rng.permutation(len(kinds))])
    visits: list[Visit] = []
    voices: list[Sound] = []
    episodes: list[Episode] = []
    for slot in range(int(length_s / _SLOT_S)):
        start_s = slot * _SLOT_S
        emotion, sense = next(order)
        episode = Episode(start_s + _CALM_S + rng.uniform(0, 10), emotion, sense)
        who = -1
        if sense != "voice":
            face = _pick_mood(material, emotion, rng)
            ends_s = start_s + _SLOT_S - rng.uniform(2, 10)
            visit = Visit(start_s, ends_s, _pick(material.calm, rng), face, (episode.start_s, episode.end_s))
            visits.append(visit)
            who = len(visits) - 1
        before = _say(_pick(material.orders, rng), start_s + rng.uniform(1, 4), who, rng)
        voices.append(replace(before, samples=before.samples[: 12 * RATE_HZ]))
        if sense != "face":
            voices += _act(material, episode, who, rng)
        episodes.append(episode)
    noises, room = _draw_noises(material, length_s, rng), _draw_room(material, rng)
    return Script(seed, visits, voices, noises, room, episodes, length_s)


def _pick_mood(material: Material, emotion: Emotion, rng: np.random.Generator) -> Portrait:
    """A face with this emotion, of each dataset equally often: webfaces has more of the rare ones."""
    faces = material.moods[EMOTIONS.index(emotion)]
    source = _pick(sorted({face.source for face in faces}), rng)
    return _pick([face for face in faces if face.source == source], rng)


def _draw_visits(material: Material, length_s: float, rng: np.random.Generator) -> list[Visit]:
    visits: list[Visit] = []
    end_s = -rng.exponential(_ABSENT_S)
    while True:
        start_s = end_s + rng.exponential(_ABSENT_S)
        end_s = start_s + _MIN_VISIT_S + rng.exponential(_PRESENT_S)
        if start_s >= length_s:
            return visits
        labelled = not material.people or rng.random() >= _UNLABELLED
        portrait = _pick(material.calm if labelled else material.people, rng)
        if end_s > 0:
            visits.append(Visit(max(start_s, 0.0), min(end_s, length_s), portrait))


def _draw_conversation(
    material: Material, visits: list[Visit], start_s: float, count: int, rng: np.random.Generator
) -> list[Sound]:
    sounds: list[Sound] = []
    unseen = rng.random() < _UNSEEN
    for _ in range(count):
        present = [i for i, visit in enumerate(visits) if visit.start_s < start_s < visit.end_s]
        who = int(rng.choice(present)) if present and not unseen else -1
        sounds.append(_say(_pick(material.orders, rng), start_s, who, rng))
        start_s = sounds[-1].end_s + rng.uniform(0.3, 4)
    return sounds


def _draw_goodbye(material: Material, visits: list[Visit], who: int, rng: np.random.Generator) -> Sound:
    samples = _pick(material.orders, rng)[: int(rng.uniform(2, 6) * RATE_HZ)]
    end_s = visits[who].end_s + rng.uniform(-2, 2)
    return _say(samples, max(end_s - len(samples) / RATE_HZ, 0.0), who, rng)


def _act(material: Material, episode: Episode, who: int, rng: np.random.Generator) -> list[Sound]:
    """Clips of one speaker, one after the other, until the episode is over."""
    emotion = EMOTIONS.index(episode.emotion)
    speakers = [key for key in material.acted if key[1] == emotion]
    clips = material.acted[speakers[int(rng.integers(len(speakers)))]]
    level_db, start_s = rng.uniform(-36, -24), episode.start_s
    sounds: list[Sound] = []
    for i in cycle(rng.permutation(len(clips)).tolist()):
        if start_s + len(clips[i]) / RATE_HZ > episode.end_s:
            return sounds
        sounds.append(Sound(start_s, clips[i], level_db, who))
        start_s = sounds[-1].end_s + rng.uniform(0.4, 1.2)
    return sounds


def _say(samples: Floats, start_s: float, who: int, rng: np.random.Generator) -> Sound:
    return Sound(start_s, samples, float(rng.uniform(-38, -24)), who)


def _draw_noises(material: Material, length_s: float, rng: np.random.Generator) -> list[Sound]:
    if not material.noises:
        return []
    starts_s = rng.uniform(0, length_s, round(_NOISES_PER_HOUR * length_s / HOUR_S))
    return [Sound(float(s), _pick(material.noises, rng), float(rng.uniform(-50, -24))) for s in starts_s]


def _draw_room(material: Material, rng: np.random.Generator) -> Floats:
    return _pick(material.rooms, rng) if material.rooms else np.ones(1, np.float32)


def _pick(values: list[T], rng: np.random.Generator) -> T:
    return values[int(rng.integers(len(values)))]
