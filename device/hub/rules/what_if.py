"""`mien rules try "sad for 2m at 21:30"`: what would happen, in plain words, from the rule engine itself."""

import re
from datetime import UTC, date, datetime, time, timedelta

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from device.emotions import EMOTIONS, Emotion, valence_arousal
from device.errors import SettingsError
from device.hub.rules.describe import describe_actions, describe_condition, describe_hours, describe_moods
from device.hub.rules.engine import RuleEnded, RuleEngine, is_enabled_in
from device.hub.wording import format_duration
from device.readings import Mood
from device.settings.rules import Rule

_HEAD = re.compile(
    r"((?P<count>\d{1,3})\s+(people|persons?)\b|(?P<who>nobody|somebody|someone)\b)?\s*(?P<mood>(?!for\b)[a-z]+)?\s*"
    r"\bfor\s+(?P<n>\d{1,5}(?:\.\d{1,3})?)\s*(?P<unit>sec|min|s|m|h)\b",
    re.IGNORECASE,
)
_CLAUSES = (
    r"\s+at\s+(?P<at>\d{1,2}:\d{2})\b",
    r"\s+with\s+(?:a\s+)?valence\s+(?:of\s+)?(?P<valence>-?[01](?:\.\d{1,3})?)(?!\S)",
)
_UNIT_S = {"s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600}
_MAX_S = 24 * 3600
_USAGE = (
    'ask like "sad for 2m at 21:30", "nobody for 10m" or "3 people happy for 5m in quiet with valence -0.4": '
    "who and what MOOD, for NUMBER s, m or h, at HH:MM, in PROFILE, with valence -1 to 1"
)


class WhatIf(Struct, frozen=True):
    """The question: the room has this mood for `for_s` seconds, from the time of day `at`."""

    emotion: Emotion
    for_s: float
    at: time
    people: int = 1
    profile: str = ""
    valence: float | None = None
    """None: the valence of the emotion alone."""

    @property
    def mood(self) -> Mood:
        """The mood in question, with full confidence."""
        shares = np.array([emotion is self.emotion for emotion in EMOTIONS], np.float32)
        valence = valence_arousal(shares)[0] if self.valence is None else self.valence
        one_hot = tuple(map(float, shares))
        return Mood(self.emotion, 1.0, valence, 0.0, one_hot, self.people, 0.0, 0.0)

    @property
    def description(self) -> str:
        """`the room is sad`, for a person."""
        if self.people == 0:
            return "nobody is in view"
        if self.emotion is Emotion.UNKNOWN and self.people > 1:
            text = f"{self.people} people are in view"
        else:
            crowd = f" with {self.people} people in view" if self.people > 1 else ""
            text = f"the room is {self.emotion.adjective}{crowd}"
        return text if self.valence is None else f"{text}, with valence {self.valence:g}"


def parse_question(text: str, now: time | None = None, profiles: tuple[str, ...] = (), profile: str = "") -> WhatIf:
    """Parse WHO and MOOD `for` DURATION, then `at HH:MM`, `in PROFILE` and `with valence N` in any order.

    Without `at`, the time is `now` (default: the clock); without `in`, the profile is `profile`. Raises SettingsError.
    """
    text = " ".join(text.split())
    found = _HEAD.match(text)
    if not found or not (found["count"] or found["who"] or found["mood"]):
        raise SettingsError(f"{text[:200]!r} is not understood; {_USAGE}")
    emotion, people = _parse_emotion(found), _parse_people(found)
    for_s = float(found["n"]) * _UNIT_S[found["unit"].lower()]
    if for_s > _MAX_S:
        raise SettingsError(f"{found['n']} {found['unit']} is too long; at most 24 h; {_USAGE}")
    clauses = _parse_clauses(text[found.end() :], profiles)
    at = _parse_time(clauses["at"]) if "at" in clauses else now or datetime.now().astimezone().time()
    valence = float(clauses["valence"]) if "valence" in clauses else None
    if valence is not None and (abs(valence) > 1 or emotion is Emotion.UNKNOWN):
        raise SettingsError(f"a valence is from -1 to 1, and an unknown mood has none; {_USAGE}")
    chosen = next((p for p in profiles if p.lower() == clauses.get("in", "").lower()), profile)
    return WhatIf(emotion, for_s, at.replace(microsecond=0), people, chosen, valence)


def _parse_emotion(found: re.Match[str]) -> Emotion:
    word = (found["mood"] or "unknown").lower()
    names = {name: emotion for emotion in Emotion for name in (emotion.value, emotion.adjective)}
    if word not in names:
        raise SettingsError(f"{word!r} is not a mood; allowed are {', '.join(Emotion)}")
    return names[word]


def _parse_people(found: re.Match[str]) -> int:
    nobody = (found["who"] or "").lower() == "nobody" or found["count"] in ("0", "00", "000")
    if nobody and found["mood"]:
        raise SettingsError(f"nobody and a mood contradict each other; {_USAGE}")
    return 0 if nobody else int(found["count"] or 1)


def _parse_clauses(rest: str, profiles: tuple[str, ...]) -> dict[str, str]:
    """The clauses after the duration, by name."""
    names = "|".join(map(re.escape, sorted(profiles, key=len, reverse=True))) or "(?!)"
    forms = (*_CLAUSES, rf"\s+in\s+(?:the\s+profile\s+)?(?P<in>{names})(?!\S)")
    clauses: dict[str, str] = {}
    while rest:
        match = next((m for form in forms if (m := re.match(form, rest, re.IGNORECASE))), None)
        if match is None and rest.lower().startswith(" in "):
            raise SettingsError(f"{rest[4:].strip()[:80]!r} is not a profile; allowed are {', '.join(profiles)}")
        if match is None or clauses.keys() & match.groupdict():
            raise SettingsError(f"{rest.strip()[:200]!r} is not understood; {_USAGE}")
        clauses |= match.groupdict()
        rest = rest[match.end() :]
    return clauses


def _parse_time(text: str) -> time:
    hours, minutes = (int(part) for part in text.split(":"))
    if hours > 23 or minutes > 59:
        raise SettingsError(f"{text} is not a time of day; {_USAGE}")
    return time(hours, minutes)


def explain_outcome(rules: tuple[Rule, ...], question: WhatIf) -> str:
    """A line for each rule: when it fires, what it does and when that is restored; or why it does not fire."""
    began = datetime.combine(date(2000, 1, 1), question.at, UTC)  # the day does not matter
    sure = "" if question.emotion is Emotion.UNKNOWN else ", and Mien is sure"
    where = f" in the profile {question.profile}" if question.profile else ""
    lines = [f"If {question.description} for {format_duration(question.for_s)} from {question.at:%H:%M}{where}{sure}:"]
    for rule in rules:
        fires_s, ends_s = _simulate(rule, question, began)
        if fires_s is None:
            lines.append(f'  "{rule.name}" does not fire: {_why_not(rule, question)}.')
            continue
        back = "; put back when the rule ends" if rule.restore else ""
        if ends_s is not None:
            back = f"; put back at {began + timedelta(seconds=ends_s):%H:%M:%S}"
        moment = began + timedelta(seconds=fires_s)
        lines.append(f'  "{rule.name}" fires at {moment:%H:%M:%S}: {describe_actions(rule.do)}{back}.')
    return "\n".join(lines if rules else [*lines, "  nothing: there are no rules."])


def _simulate(rule: Rule, question: WhatIf, began: datetime) -> tuple[float | None, float | None]:
    """When the rule fires and when it ends, in seconds after `began`; None if it does not. Asks the real rule engine.

    The rule is evaluated at each moment when something could happen: after its duration, at the edges of its hours, and
    when the mood in question has ended. The opposite follows it: somebody arrives if nobody was there, otherwise
    everybody leaves.
    """
    opposite = Mood(Emotion.UNKNOWN, 0.0, 0.0, 0.0, (0.0,) * len(EMOTIONS), int(question.people == 0), 0.0, 0.0)
    edges = {0.0, rule.for_s, question.for_s + rule.for_s + 1e-6}
    for edge in rule.hours.split("-") if rule.hours else ():
        opens_s = (datetime.combine(began.date(), time.fromisoformat(edge), UTC) - began).total_seconds() % _MAX_S
        edges |= {opens_s, opens_s + _MAX_S}
    moments = [(moment_s, question.mood) for moment_s in edges if moment_s <= question.for_s]
    moments += [(moment_s, opposite) for moment_s in edges | {question.for_s} if moment_s >= question.for_s]
    engine, fired_s = RuleEngine((rule,)), None
    for moment_s, mood in sorted(moments, key=lambda moment: (moment[0], moment[1] is opposite)):
        if mood is opposite and fired_s is None:
            return None, None  # a later firing has nothing to do with the question
        local = (began + timedelta(seconds=moment_s)).time()
        for event in engine.evaluate(mood, moment_s, local, question.profile):
            if isinstance(event, RuleEnded):
                return fired_s, moment_s
            fired_s = moment_s if fired_s is None else fired_s
    return fired_s, None


def _why_not(rule: Rule, question: WhatIf) -> str:
    if not is_enabled_in(rule, question.profile):
        profiles = " and ".join(rule.profiles)
        return f"it is enabled in {profiles}" if profiles else "no rule is enabled in this profile"
    if (rule.mood or rule.has_valence) and question.emotion is Emotion.UNKNOWN:
        return "unknown triggers nothing"
    if rule.mood and question.emotion not in rule.mood:
        return f"it waits for {describe_moods(rule)}"
    condition = replace(rule, for_s=0.0, min_confidence=0.0, hours="")  # fires at once
    if not RuleEngine((condition,)).evaluate(question.mood, 0.0, time(), question.profile):
        return f"it waits until {describe_condition(rule)}"
    if question.for_s < rule.for_s:
        return f"it needs {format_duration(rule.for_s)}"
    return f"only {describe_hours(rule)}"
