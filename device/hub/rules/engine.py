"""Rules: a mood over time -> which actions to run, and when a rule has ended. Pure: the caller passes both clocks."""

from datetime import time

from msgspec import Struct

from device.emotions import Emotion
from device.hub.wording import format_duration, format_people
from device.readings import Mood
from device.settings.rules import QUIET, Rule

UNCERTAIN_S = 60.0
"""A rule ends when its condition could not be checked for this long. A restart of sense takes less."""
SILENCE_S = 2.0
"""Sense repeats its mood every half second. A mood that was not repeated for this long counts for no duration."""


class RuleFired(Struct, frozen=True):
    """The actions of a rule are to run."""

    rule: Rule
    why: str
    """For a person: `sad 71 % for 5 s`."""


class RuleEnded(Struct, frozen=True):
    """A rule with `restore` that had fired no longer holds."""

    rule: Rule
    why: str


class _RuleState(Struct):
    """Times are the caller's monotonic seconds."""

    holds_since_s: float | None = None
    """When the condition last began to hold; `failing_since_s`: when it last ceased to."""
    failing_since_s: float | None = None
    fired_at_s: float | None = None
    has_fired: bool = False
    """It has fired in this period; the mood must end before it can fire again."""
    is_active: bool = False
    """It has fired, and its actions are to be undone when it ends."""

    def end(self, rule: Rule, why: str) -> tuple[RuleEnded, ...]:
        was_active, self.is_active = self.is_active, False
        return (RuleEnded(rule, why),) if was_active else ()


class RuleEngine:
    """Evaluates all rules over time. Each fires at most once per period of its mood, and never within its cooldown."""

    def __init__(self, rules: tuple[Rule, ...]) -> None:
        self._rules = tuple((rule, _RuleState()) for rule in rules)
        self._heard_s = float("-inf")

    def evaluate(
        self,
        mood: Mood | None,
        now_s: float,
        local: time | None,
        profile: str = "",
        *,
        can_see: bool = True,
        heard_s: float | None = None,
    ) -> tuple[RuleFired | RuleEnded, ...]:
        """The rules that end now, then those that fire now, each in the settings' order.

        `mood` is the current mood, None while sense is away; `now_s` is monotonic; `local` is the time of day for
        `hours`, None while the clock is not set; `can_see` is False while the camera is off or lost: then an empty
        picture does not count as an empty room; `heard_s` is when sense last said this mood, None for just now. Call
        it for every mood and a few times a second.

        Silence interrupts durations: if this process was suspended, nobody knows how the room felt meanwhile.

        `unknown` ends a period like any other mood. None interrupts it without ending it: a restart of sense must
        not fire a rule twice. Cooldowns and durations are monotonic: a wall clock that jumps affects only the hours.
        """
        if heard_s is not None:
            if heard_s - self._heard_s > SILENCE_S:
                for _, state in self._rules:
                    state.holds_since_s = None
            self._heard_s = heard_s
            mood = None if now_s - heard_s > SILENCE_S else mood
        events: list[RuleFired | RuleEnded] = []
        for rule, state in self._rules:
            if is_enabled_in(rule, profile):
                holds = None if mood is None else _check(rule, mood, can_see=can_see)
                events += _evaluate(rule, state, mood, holds, now_s, local)
            else:
                state.holds_since_s, state.failing_since_s, state.has_fired = None, None, False
                events += state.end(rule, f"the profile is {profile}")
        return tuple(sorted(events, key=lambda event: isinstance(event, RuleFired)))


def is_enabled_in(rule: Rule, profile: str) -> bool:
    """Whether a rule is enabled in `profile`. A rule without profiles is enabled in all but `quiet`."""
    return profile in rule.profiles if rule.profiles else profile != QUIET


def _check(rule: Rule, mood: Mood, *, can_see: bool) -> bool | None:
    """Whether the condition holds; None if it cannot be known. One part that is certainly false is enough for False."""
    if rule.mood and mood.emotion not in rule.mood:
        return False
    is_valence_known = mood.emotion is not Emotion.UNKNOWN
    if rule.has_valence and not (is_valence_known and rule.valence_min <= mood.valence <= rule.valence_max):
        return False
    if rule.has_people and can_see:
        is_presence_right = {"someone": mood.people > 0, "nobody": mood.people == 0}.get(rule.presence, True)
        if not is_presence_right or not rule.people_min <= mood.people <= rule.people_max:
            return False
    is_unseen = rule.has_people and not can_see
    is_unsure = bool(rule.mood or rule.has_valence) and mood.confidence < rule.min_confidence
    return None if is_unseen or is_unsure else True


def _evaluate(
    rule: Rule, state: _RuleState, mood: Mood | None, holds: bool | None, now_s: float, local: time | None
) -> tuple[RuleFired | RuleEnded, ...]:
    in_hours = is_within(rule.hours, local)
    since_s = now_s if state.holds_since_s is None else state.holds_since_s
    if holds:
        state.failing_since_s, state.holds_since_s = None, since_s
    else:
        state.failing_since_s = now_s if state.failing_since_s is None else state.failing_since_s
        state.holds_since_s = None
        state.has_fired = state.has_fired and holds is None
    if in_hours is False:
        # Each day's hours start a new period, even if the room is empty for a week.
        state.has_fired = False
        return state.end(rule, f"the hours {rule.hours} are over")
    if not holds or mood is None:
        # A rule takes as long to end as it takes to fire, so that a light does not follow every short change.
        calm_s = rule.for_s if holds is False else max(rule.for_s, UNCERTAIN_S)
        if not state.is_active or state.failing_since_s is None or now_s - state.failing_since_s < calm_s:
            return ()
        state.has_fired = False
        why = "its condition cannot be checked any more" if holds is None else "its condition no longer holds"
        return state.end(rule, "sense is away" if mood is None else why)
    is_cooling = state.fired_at_s is not None and now_s - state.fired_at_s < rule.cooldown_s
    if state.has_fired or is_cooling or now_s - since_s < rule.for_s or in_hours is None:
        return ()
    state.fired_at_s, state.has_fired, state.is_active = now_s, True, rule.restore
    return (RuleFired(rule, f"{_why_fired(rule, mood)} for {format_duration(now_s - since_s)}"),)


def _why_fired(rule: Rule, mood: Mood) -> str:
    """The parts of the mood that the rule asks for."""
    people = format_people(mood.people) if mood.people else "nobody"
    summary = [mood.summary()] if rule.mood or rule.has_valence else []
    valence = [f"valence {mood.valence:.2f}"] if rule.has_valence else []
    return ", ".join([*summary, *valence, *([people] if rule.has_people else [])])


def is_within(hours: str, local: time | None) -> bool | None:
    """Whether `local` is in `18:00-23:30`, with the first minute and without the last; may span midnight.

    Empty, or twice the same time, is the whole day. None: the clock is not set, so it cannot be known.
    """
    if not hours:
        return True
    if local is None:
        return None
    start, end = (time.fromisoformat(part) for part in hours.split("-"))
    moment = local.replace(tzinfo=None)
    if start < end:
        return start <= moment < end
    return start == end or moment >= start or moment < end
