"""`mien rules try "sad for 2m at 21:30"`: what would happen, in plain words, by the same rules that run."""

import re
from datetime import UTC, date, datetime, time, timedelta

import numpy as np
from msgspec import Struct

from device.emotions import EMOTIONS, Emotion, valence_arousal
from device.errors import SettingsError
from device.hub.rules.describe import actions_text, between_text, condition, feelings
from device.hub.rules.engine import RuleEnded, RuleEngine, acts_in
from device.hub.wording import duration
from device.readings import Mood
from device.settings.rules import Rule

_HEAD = re.compile(
    r"((?P<count>\d{1,3})\s+(people|persons?)\b|(?P<who>nobody|somebody|someone)\b)?\s*(?P<mood>(?!for\b)[a-z]+)?\s*"
    r"\bfor\s+(?P<n>\d{1,5}(?:\.\d{1,3})?)\s*(?P<unit>sec|min|s|m|h)\b",
    re.IGNORECASE,
)
_REST = (
    r"\s+at\s+(?P<at>\d{1,2}:\d{2})\b",
    r"\s+with\s+(?:a\s+)?valence\s+(?:of\s+)?(?P<valence>-?[01](?:\.\d{1,3})?)(?!\S)",
)
_UNIT_S = {"s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600}
_MAX_S = 24 * 3600
_FORM = (
    'ask like "sad for 2m at 21:30", "nobody for 10m" or "3 people happy for 5m in quiet with valence -0.4": '
    "who and what MOOD, for NUMBER s, m or h, at HH:MM, in PROFILE, with valence -1 to 1"
)


class WhatIf(Struct, frozen=True):
    """What if the room were `emotion` for `for_s` seconds from the time of day `at`?"""

    emotion: Emotion
    for_s: float
    at: time
    people: int = 1
    profile: str = ""
    valence: float | None = None
    """None: what the emotion alone has."""

    @property
    def mood(self) -> Mood:
        """How the room feels meanwhile; Mien is sure of it."""
        shares = np.array([emotion is self.emotion for emotion in EMOTIONS], np.float32)
        valence = valence_arousal(shares)[0] if self.valence is None else self.valence
        one_hot = tuple(map(float, shares))
        return Mood(self.emotion, 1.0, valence, 0.0, one_hot, self.people, 0.0, 0.0)

    @property
    def words(self) -> str:
        """`the room is sad`, for a person."""
        if self.people == 0:
            return "nobody is in view"
        if self.emotion is Emotion.UNKNOWN and self.people > 1:
            felt = f"{self.people} people are in view"
        else:
            crowd = f" with {self.people} people in view" if self.people > 1 else ""
            felt = f"the room is {self.emotion.adjective}{crowd}"
        return felt if self.valence is None else f"{felt}, of valence {self.valence:g}"


def parse_question(text: str, now: time | None = None, profiles: tuple[str, ...] = (), profile: str = "") -> WhatIf:
    """WHO and MOOD `for` DURATION, then `at HH:MM`, `in PROFILE` and `with valence N` in any order.

    Without `at`, from `now` (default: the clock); without `in`, in `profile`. Raises SettingsError.
    """
    text = " ".join(text.split())
    found = _HEAD.match(text)
    if not found or not (found["count"] or found["who"] or found["mood"]):
        raise SettingsError(f"{text[:200]!r} is not understood; {_FORM}")
    emotion, people = _feeling(found), _people(found)
    for_s = float(found["n"]) * _UNIT_S[found["unit"].lower()]
    if for_s > _MAX_S:
        raise SettingsError(f"{found['n']} {found['unit']} is too long; at most 24 h; {_FORM}")
    said = _clauses(text[found.end() :], profiles)
    at = _time_of_day(said["at"]) if "at" in said else now or datetime.now().astimezone().time()
    valence = float(said["valence"]) if "valence" in said else None
    if valence is not None and (abs(valence) > 1 or emotion is Emotion.UNKNOWN):
        raise SettingsError(f"a valence is from -1 to 1, and there is none where the mood is unknown; {_FORM}")
    chosen = next((p for p in profiles if p.lower() == said.get("in", "").lower()), profile)
    return WhatIf(emotion, for_s, at.replace(microsecond=0), people, chosen, valence)


def _feeling(found: re.Match[str]) -> Emotion:
    word = (found["mood"] or "unknown").lower()
    names = {name: emotion for emotion in Emotion for name in (emotion.value, emotion.adjective)}
    if word not in names:
        raise SettingsError(f"{word!r} is no mood; allowed are {', '.join(Emotion)}")
    return names[word]


def _people(found: re.Match[str]) -> int:
    nobody = (found["who"] or "").lower() == "nobody" or found["count"] in ("0", "00", "000")
    if nobody and found["mood"]:
        raise SettingsError(f"nobody feels nothing; {_FORM}")
    return 0 if nobody else int(found["count"] or 1)


def _clauses(rest: str, profiles: tuple[str, ...]) -> dict[str, str]:
    """What follows the duration, by its name."""
    longest = sorted(profiles, key=len, reverse=True)
    names = "|".join(map(re.escape, longest)) or "(?!)"
    forms = [
        re.compile(form, re.IGNORECASE) for form in (*_REST, rf"\s+in\s+(?:the\s+profile\s+)?(?P<in>{names})(?!\S)")
    ]
    said: dict[str, str] = {}
    while rest:
        match = next((m for form in forms if (m := form.match(rest))), None)
        if match is None and rest.lower().startswith(" in "):
            raise SettingsError(f"{rest[4:].strip()[:80]!r} is no profile; allowed are {', '.join(profiles)}")
        if match is None or said.keys() & match.groupdict():
            raise SettingsError(f"{rest.strip()[:200]!r} is not understood; {_FORM}")
        said |= match.groupdict()
        rest = rest[match.end() :]
    return said


def _time_of_day(text: str) -> time:
    hours, minutes = (int(part) for part in text.split(":"))
    if hours > 23 or minutes > 59:
        raise SettingsError(f"{text} is no time of day; {_FORM}")
    return time(hours, minutes)


def explain_outcome(rules: tuple[Rule, ...], question: WhatIf) -> str:
    """A line for each rule: when it fires, what it does and when that is put back; or why it does not fire."""
    began = datetime.combine(date(2000, 1, 1), question.at, UTC)  # any day does
    sure = "" if question.emotion is Emotion.UNKNOWN else ", and Mien is sure"
    where = f" in the profile {question.profile}" if question.profile else ""
    lines = [f"If {question.words} for {duration(question.for_s)} from {question.at:%H:%M}{where}{sure}:"]
    for rule in rules:
        fires_s, over_s = _moments(rule, question, began)
        if fires_s is None:
            lines.append(f'  "{rule.name}" does not fire: {_why_not(rule, question)}.')
            continue
        moment = began + timedelta(seconds=fires_s)
        back = f"; put back at {began + timedelta(seconds=over_s):%H:%M:%S}" if over_s is not None else ""
        back = back or ("; put back when it is over" if rule.restore else "")
        lines.append(f'  "{rule.name}" fires at {moment:%H:%M:%S}: {actions_text(rule.do)}{back}.')
    return "\n".join(lines if rules else [*lines, "  nothing: there are no rules."])


def _moments(rule: Rule, question: WhatIf, began: datetime) -> tuple[float | None, float | None]:
    """Seconds after `began` when it fires and when it is over, found by the running rule itself; None: it does not.

    It is looked at when something could happen: at its hold, at the edges of its hours, and when the question's mood
    has ended. Then somebody comes where nobody was, and else all leave.
    """
    contrary = Mood(Emotion.UNKNOWN, 0.0, 0.0, 0.0, (0.0,) * len(EMOTIONS), int(question.people == 0), 0.0, 0.0)
    edges = {0.0, rule.for_s, question.for_s + rule.for_s + 1e-6}
    for edge in rule.hours.split("-") if rule.hours else ():
        opens_s = (datetime.combine(began.date(), time.fromisoformat(edge), UTC) - began).total_seconds() % _MAX_S
        edges |= {opens_s, opens_s + _MAX_S}
    looks = [(moment_s, question.mood) for moment_s in edges if moment_s <= question.for_s]
    looks += [(moment_s, contrary) for moment_s in edges | {question.for_s} if moment_s >= question.for_s]
    alone, fired_s = RuleEngine((rule,)), None
    for moment_s, mood in sorted(looks, key=lambda look: (look[0], look[1] is contrary)):
        if mood is contrary and fired_s is None:
            return None, None  # what fires afterwards has nothing to do with the question
        local = (began + timedelta(seconds=moment_s)).time()
        for event in alone.look(mood, moment_s, local, question.profile):
            if isinstance(event, RuleEnded):
                return fired_s, moment_s
            fired_s = moment_s if fired_s is None else fired_s
    return fired_s, None


def _why_not(rule: Rule, question: WhatIf) -> str:
    mood = question.mood
    if not acts_in(rule, question.profile):
        return f"it acts in {' and '.join(rule.profiles)}" if rule.profiles else "in this profile no rule acts"
    if (rule.mood or rule.feels) and question.emotion is Emotion.UNKNOWN:
        return "unknown triggers nothing"
    if rule.mood and question.emotion not in rule.mood:
        return f"it waits for {feelings(rule)}"
    if not RuleEngine((_bare(rule),)).look(mood, 0.0, time(), question.profile):
        return f"it waits until {condition(rule)}"
    if question.for_s < rule.for_s:
        return f"it needs {duration(rule.for_s)}"
    return f"only {between_text(rule)}"


def _bare(rule: Rule) -> Rule:
    """Its condition alone."""
    return Rule(
        rule.name,
        rule.mood,
        rule.do,
        for_s=0.0,
        min_confidence=0.0,
        presence=rule.presence,
        valence_min=rule.valence_min,
        valence_max=rule.valence_max,
        people_min=rule.people_min,
        people_max=rule.people_max,
        profiles=rule.profiles,
    )
