"""False triggers an hour, and the delay until a real mood is acted on, from the outcomes of simulated hours."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from convert.datasets.labels import NONE
from convert.ordinary_life.replay import Fired, Outcome
from convert.ordinary_life.script import SENSES, Episode, Script, Sense
from device.emotions import Emotion
from device.perception.face.tracker import KEEP_S

_RECENTLY_S = 10.0
"""A rule may still fire this long after a smile, and a mood may still change this long after a departure."""
_TALKED_S = 3.0


@dataclass(frozen=True)
class FalseTriggers:
    """Rules that fired in hours without any mood to act on."""

    hours: int
    by_rule: Counter[str]
    unclear: int
    """Rules for happiness while somebody was in view of whom the dataset does not say whether they smile."""
    departures: int
    """People who left the room empty, talking."""
    wrong_departures: int
    """Those after whom a mood came up that was not there before."""

    @property
    def per_hour(self) -> float:
        """False triggers an hour."""
        return self.by_rule.total() / self.hours


@dataclass(frozen=True)
class Delays:
    """How real moods in one kind of evidence were acted on."""

    episodes: int
    acted_s: tuple[float, ...]
    """Delays in s of the episodes on which the right rule acted, sorted."""
    wrong: int
    """Episodes in which a rule for another emotion fired."""

    @property
    def median_s(self) -> float:
        """Median delay of the episodes that were acted on; NaN without any."""
        return float(np.median(self.acted_s)) if self.acted_s else float("nan")

    @property
    def share(self) -> float:
        """Per cent of the episodes that were acted on."""
        return 100 * len(self.acted_s) / max(self.episodes, 1)


def count_false_triggers(hours: Iterable[tuple[Script, Outcome]]) -> FalseTriggers:
    """Count over ordinary hours. A rule for neutral is right there, every other one is false."""
    by_rule: Counter[str] = Counter()
    count = unclear = departures = wrong = 0
    for script, outcome in hours:
        count += 1
        for fired in outcome.fired:
            if Emotion.NEUTRAL in fired.moods:
                continue
            if set(fired.moods) == {Emotion.HAPPY} and _may_smile(script, fired.time_s):
                unclear += 1
            else:
                by_rule[fired.rule] += 1
        for ends_s in _talking_departures(script):
            departures += 1
            wrong += _has_new_mood(outcome, ends_s)
    return FalseTriggers(count, by_rule, unclear, departures, wrong)


def _may_smile(script: Script, time_s: float) -> bool:
    return any(
        visit.portrait.emotion == NONE and visit.start_s <= time_s <= visit.end_s + _RECENTLY_S
        for visit in script.visits
    )


def _talking_departures(script: Script) -> list[float]:
    """When somebody left, talked in the last seconds, and nobody else was in view until long after."""
    ends = []
    for number, visit in enumerate(script.visits):
        ends_s = visit.end_s
        is_empty = not any(v.start_s < ends_s + _RECENTLY_S and v.end_s >= ends_s for v in script.visits if v != visit)
        talked = any(v.visit == number and v.start_s < ends_s < v.end_s + _TALKED_S for v in script.voices)
        if is_empty and talked:
            ends.append(ends_s)
    return ends


def _has_new_mood(outcome: Outcome, ends_s: float) -> bool:
    """Whether a mood, not neutral, begins when nobody is left in view, within some seconds of a departure."""
    return any(
        ends_s + KEEP_S / 2 < change.time_s < ends_s + _RECENTLY_S
        and change.people == 0
        and change.emotion not in (Emotion.NEUTRAL, Emotion.UNKNOWN)
        for change in outcome.changes
    )


def measure_delays(hours: Iterable[tuple[Script, Outcome]]) -> dict[Sense, Delays]:
    """By the senses in which the moods were shown."""
    acted: dict[Sense, list[float]] = {sense: [] for sense in SENSES}
    episodes: Counter[Sense] = Counter()
    wrong: Counter[Sense] = Counter()
    for script, outcome in hours:
        for episode in script.episodes:
            episodes[episode.sense] += 1
            within = [f for f in outcome.fired if episode.start_s < f.time_s <= episode.end_s]
            delays_s = [f.time_s - episode.start_s for f in within if episode.emotion in f.moods]
            acted[episode.sense] += delays_s[:1]
            wrong[episode.sense] += any(_is_wrong(f, episode) for f in within)
    return {sense: Delays(episodes[sense], tuple(sorted(acted[sense])), wrong[sense]) for sense in SENSES}


def _is_wrong(fired: Fired, episode: Episode) -> bool:
    return episode.emotion not in fired.moods and Emotion.NEUTRAL not in fired.moods


def pool_delays(delays: Iterable[Delays]) -> Delays:
    """Those of several senses as one."""
    all_delays = list(delays)
    acted_s = sorted(delay_s for one in all_delays for delay_s in one.acted_s)
    return Delays(sum(one.episodes for one in all_delays), tuple(acted_s), sum(one.wrong for one in all_delays))
