"""Rules: a mood over time -> the actions to run. Pure: the caller gives both clocks."""

from datetime import time

from msgspec import Struct

from device.destinations import Action
from device.emotions import Emotion
from device.readings import Mood
from device.settings import Rule

ADJECTIVES = {
    Emotion.ANGRY: "angry",
    Emotion.DISGUST: "disgusted",
    Emotion.FEAR: "fearful",
    Emotion.HAPPY: "happy",
    Emotion.SAD: "sad",
    Emotion.SURPRISE: "surprised",
    Emotion.NEUTRAL: "neutral",
    Emotion.UNKNOWN: "unknown",
}


class Firing(Struct, frozen=True):
    """A rule whose time has come."""

    rule: Rule
    why: str
    """For a person: `sad 71 % for 5 s`."""


class _Held:
    """What one rule remembers. Times are the caller's monotonic seconds."""

    def __init__(self) -> None:
        self.since_s: float | None = None
        """Since when its mood holds, sure enough, without a break."""
        self.fired_s: float | None = None
        self.spent = False
        """It has fired in this period; the mood must be left first."""


class Rules:
    """All rules over time. Each fires at most once in a period of its mood, and not within its cooldown."""

    def __init__(self, rules: tuple[Rule, ...]) -> None:
        self._rules = tuple((rule, _Held()) for rule in rules)

    def look(self, mood: Mood | None, now_s: float, local: time) -> tuple[Firing, ...]:
        """The rules that fire now, in the settings' order.

        `mood` is what the room feels now, None while sense is away; `now_s` is monotonic; `local` is the time of day
        for `between`. Call it at every mood and a few times a second. `unknown` breaks a period as any other mood
        does. None breaks the hold, but is no leaving: a restart of sense must not fire a rule twice.
        """
        return tuple(f for rule, held in self._rules if (f := _look(rule, held, mood, now_s, local)))


def _look(rule: Rule, held: _Held, mood: Mood | None, now_s: float, local: time) -> Firing | None:
    if mood is None:
        held.since_s = None
        return None
    if mood.emotion not in rule.mood:
        held.since_s, held.spent = None, False
        return None
    if mood.confidence < rule.least_confidence:
        held.since_s = None
        return None
    if held.since_s is None:
        held.since_s = now_s
    cooling = held.fired_s is not None and now_s - held.fired_s < rule.cooldown_s
    if held.spent or cooling or now_s - held.since_s < rule.for_s or not within(rule.between, local):
        return None
    held.fired_s, held.spent = now_s, True
    return Firing(rule, f"{mood.summary()} for {duration(now_s - held.since_s)}")


def within(between: str, local: time) -> bool:
    """Whether `local` is in `18:00-23:30`: the first minute is in, the last is out; over midnight is fine.

    Empty, or twice the same time, is the whole day.
    """
    if not between:
        return True
    start, end = (time.fromisoformat(part) for part in between.split("-"))
    moment = local.replace(tzinfo=None)
    if start < end:
        return start <= moment < end
    return start == end or moment >= start or moment < end


def duration(seconds: float) -> str:
    """`5 s`, `2 min`, `1 min 30 s`, `1 h 5 min`: at most two parts, for a person."""
    if seconds < 60:
        return f"{round(seconds, 1):g} s" if seconds < 10 else f"{seconds:.0f} s"
    whole = round(seconds)
    parts = [(whole // 3600, "h"), (whole % 3600 // 60, "min"), (whole % 60, "s")]
    return " ".join([f"{n} {unit}" for n, unit in parts if n][:2])


def explain(rule: Rule) -> str:
    """One plain sentence."""
    held = f" for {duration(rule.for_s)}" if rule.for_s else ""
    when = f" {between_text(rule)}" if rule.between else ""
    again = f"; not again for {duration(rule.cooldown_s)}" if rule.cooldown_s else ""
    sure = f"Mien is at least {100 * rule.least_confidence:.0f} % sure"
    return f"When the room is {feelings(rule)}{held}{when} and {sure}: {actions_text(rule.do)}{again}."


def feelings(rule: Rule) -> str:
    """`sad or fearful`."""
    words = [ADJECTIVES[emotion] for emotion in rule.mood]
    return " or ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def between_text(rule: Rule) -> str:
    """`between 18:00 and 23:30`, of a rule that has such hours."""
    return "between {} and {}".format(*rule.between.split("-"))


def actions_text(actions: tuple[Action, ...]) -> str:
    """`lamp #ffb46b at 40 %, player calm at 30 %`."""
    return ", ".join(action.words for action in actions)
