"""Rules: a mood over time -> what to do, and when it is over. Pure: the caller gives both clocks."""

from datetime import time

from msgspec import Struct

from device.emotions import Emotion
from device.hub.wording import duration
from device.readings import Mood
from device.settings.rules import QUIET, Rule

AWAY_S = 60.0
"""If for so long nobody can tell whether it holds, what was begun is over: sense restarts in less."""


class RuleFired(Struct, frozen=True):
    """A rule whose time has come."""

    rule: Rule
    why: str
    """For a person: `sad 71 % for 5 s`."""


class RuleEnded(Struct, frozen=True):
    """A rule with `restore` that had fired, and no longer holds."""

    rule: Rule
    why: str


class _Held:
    """What one rule remembers. Times are the caller's monotonic seconds."""

    def __init__(self) -> None:
        self.since_s: float | None = None
        """Since when it holds, sure enough, without a break."""
        self.left_s: float | None = None
        """Since when a rule that has fired does not hold."""
        self.fired_s: float | None = None
        self.spent = False
        """It has fired in this period; the mood must be left first."""
        self.active = False
        """It has fired, and what it did is to be put back when it is over."""

    def over(self, rule: Rule, why: str) -> tuple[RuleEnded, ...]:
        was, self.active = self.active, False
        return (RuleEnded(rule, why),) if was else ()


class RuleEngine:
    """All rules over time. Each fires at most once in a period of its mood, and not within its cooldown."""

    def __init__(self, rules: tuple[Rule, ...]) -> None:
        self._rules = tuple((rule, _Held()) for rule in rules)

    def look(
        self, mood: Mood | None, now_s: float, local: time | None, profile: str = "", *, sees: bool = True
    ) -> tuple[RuleFired | RuleEnded, ...]:
        """What is over and what fires now, in this order, each in the settings' order.

        `mood` is what the room feels now, None while sense is away; `now_s` is monotonic; `local` is the time of day
        for `hours`, None while the clock is not set; `sees` is False while the camera is off or lost, so that an
        empty picture is no empty room. Call it at every mood and a few times a second. `unknown` breaks a period as
        any other mood does. None breaks the hold, but is no leaving: a restart of sense must not fire a rule twice.
        Cooldowns and holds are monotonic: a wall clock that jumps moves nothing but the hours.
        """
        found: list[RuleFired | RuleEnded] = []
        for rule, held in self._rules:
            if acts_in(rule, profile):
                holds = None if mood is None else _holds(rule, mood, sees=sees)
                found += _look(rule, held, mood, holds, now_s, local)
            else:
                held.since_s, held.left_s, held.spent = None, None, False
                found += held.over(rule, f"the profile is {profile}")
        return tuple(sorted(found, key=lambda one: isinstance(one, RuleFired)))


def acts_in(rule: Rule, profile: str) -> bool:
    """Whether a rule acts in `profile`; in none but `quiet` where it names none."""
    return profile in rule.profiles if rule.profiles else profile != QUIET


def _holds(rule: Rule, mood: Mood, *, sees: bool) -> bool | None:
    """None: that cannot be told now. What certainly fails counts for more than what is not known."""
    if rule.mood and mood.emotion not in rule.mood:
        return False
    if rule.feels and (mood.emotion is Emotion.UNKNOWN or not rule.valence_min <= mood.valence <= rule.valence_max):
        return False
    if rule.counts and sees:
        wanted = {"someone": mood.people > 0, "nobody": mood.people == 0}.get(rule.presence, True)
        if not wanted or not rule.people_min <= mood.people <= rule.people_max:
            return False
    unseen = rule.counts and not sees
    unsure = bool(rule.mood or rule.feels) and mood.confidence < rule.min_confidence
    return None if unseen or unsure else True


def _look(
    rule: Rule, held: _Held, mood: Mood | None, holds: bool | None, now_s: float, local: time | None
) -> tuple[RuleFired | RuleEnded, ...]:
    in_hours = within(rule.hours, local)
    since_s = now_s if held.since_s is None else held.since_s
    if holds:
        held.left_s, held.since_s = None, since_s
    else:
        held.left_s = now_s if held.left_s is None else held.left_s
        held.since_s = None
        held.spent = held.spent and holds is None
    if in_hours is False:
        # Each day's hours are a period of their own, also for a room that is empty for a week.
        held.spent = False
        return held.over(rule, f"the hours {rule.hours} are over")
    if not holds or mood is None:
        # What took so long to begin takes as long to end: a light must not follow each breath.
        calm_s = rule.for_s if holds is False else max(rule.for_s, AWAY_S)
        if not held.active or held.left_s is None or now_s - held.left_s < calm_s:
            return ()
        held.spent = False
        return held.over(rule, _left(mood, holds))
    cooling = held.fired_s is not None and now_s - held.fired_s < rule.cooldown_s
    if held.spent or cooling or now_s - since_s < rule.for_s or in_hours is None:
        return ()
    held.fired_s, held.spent, held.active = now_s, True, rule.restore
    return (RuleFired(rule, f"{_seen(rule, mood)} for {duration(now_s - since_s)}"),)


def _left(mood: Mood | None, holds: bool | None) -> str:
    """Why a rule is over, outside its hours aside."""
    if mood is None:
        return "sense is away"
    return "it cannot be told any more" if holds is None else "it is over"


def _seen(rule: Rule, mood: Mood) -> str:
    """What of the mood has made the rule fire."""
    people = "nobody" if mood.people == 0 else "1 person" if mood.people == 1 else f"{mood.people} people"
    felt = [mood.summary()] if rule.mood or rule.feels else []
    valence = [f"valence {mood.valence:.2f}"] if rule.feels else []
    return ", ".join([*felt, *valence, *([people] if rule.counts else [])])


def within(hours: str, local: time | None) -> bool | None:
    """Whether `local` is in `18:00-23:30`: the first minute is in, the last is out; over midnight is fine.

    Empty, or twice the same time, is the whole day. None: the clock is not set, and nobody knows.
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
