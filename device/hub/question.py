"""`mien rules try "sad for 2m at 21:30"`: what would happen, in plain words, by the same rules that run."""

import re
from datetime import UTC, date, datetime, time, timedelta

from msgspec import Struct

from device.emotions import EMOTIONS, Emotion
from device.errors import SettingsError
from device.hub.rules import ADJECTIVES, Rules, actions_text, between_text, duration, feelings
from device.readings import Mood
from device.settings import Rule

_FORM = re.compile(
    r"(?P<mood>[a-z]+)\s+for\s+(?P<n>\d{1,5}(?:\.\d{1,3})?)\s*(?P<unit>s|sec|m|min|h)(?:\s+at\s+(?P<at>\d{1,2}:\d{2}))?",
    re.IGNORECASE,
)
_UNIT_S = {"s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600}
_MOST_S = 24 * 3600


class Question(Struct, frozen=True):
    """What if the room were `emotion` for `for_s` seconds from the time of day `at`?"""

    emotion: Emotion
    for_s: float
    at: time


def parse_question(text: str, now: time | None = None) -> Question:
    """`MOOD for DURATION [at HH:MM]`; without `at`, from `now` (default: the clock). Raises SettingsError."""
    form = 'ask like "sad for 2m at 21:30": MOOD for NUMBER s, m or h, at HH:MM'
    found = _FORM.fullmatch(text.strip())
    if not found:
        raise SettingsError(f"{text!r} is not understood; {form}")
    word = found["mood"].lower()
    names = {emotion.value: emotion for emotion in Emotion} | {said: emotion for emotion, said in ADJECTIVES.items()}
    if word not in names:
        raise SettingsError(f"{word!r} is no mood; allowed are {', '.join(Emotion)}")
    for_s = float(found["n"]) * _UNIT_S[found["unit"].lower()]
    if for_s > _MOST_S:
        raise SettingsError(f"{found['n']} {found['unit']} is too long; at most 24 h; {form}")
    if found["at"] is None:
        at = now or datetime.now().astimezone().time()
    else:
        hours, minutes = (int(part) for part in found["at"].split(":"))
        if hours > 23 or minutes > 59:
            raise SettingsError(f"{found['at']} is no time of day; {form}")
        at = time(hours, minutes)
    return Question(names[word], for_s, at.replace(microsecond=0))


def would_happen(rules: tuple[Rule, ...], question: Question) -> str:
    """A line for each rule: when it fires and what it does, or why it does not."""
    began = datetime.combine(date(2000, 1, 1), question.at, UTC)  # any day does
    adjective = ADJECTIVES[question.emotion]
    lines = [f"If the room is {adjective} for {duration(question.for_s)} from {question.at:%H:%M}, and Mien is sure:"]
    for rule in rules:
        after_s = _fires_after(rule, question, began)
        if after_s is None:
            lines.append(f'  "{rule.name}" does not fire: {_why_not(rule, question)}.')
        else:
            moment = began + timedelta(seconds=after_s)
            lines.append(f'  "{rule.name}" fires at {moment:%H:%M:%S}: {actions_text(rule.do)}.')
    return "\n".join(lines if rules else [*lines, "  nothing: there are no rules."])


def _fires_after(rule: Rule, question: Question, began: datetime) -> float | None:
    """Seconds after `began`, found by the running rule itself at the moments when it could fire; None: it does not."""
    one_hot = tuple(float(emotion is question.emotion) for emotion in EMOTIONS)
    mood = Mood(question.emotion, 1.0, 0.0, 0.0, one_hot, 1, 0.0, 0.0)
    moments = {0.0, rule.for_s}
    if rule.between:
        opens = datetime.combine(began.date(), time.fromisoformat(rule.between[:5]), UTC)
        moments.add((opens - began).total_seconds() % _MOST_S)
    alone = Rules((rule,))
    for moment_s in sorted(m for m in moments if m <= question.for_s):
        if alone.look(mood, moment_s, (began + timedelta(seconds=moment_s)).time()):
            return moment_s
    return None


def _why_not(rule: Rule, question: Question) -> str:
    if question.emotion is Emotion.UNKNOWN:
        return "unknown triggers nothing"
    if question.emotion not in rule.mood:
        return f"it waits for {feelings(rule)}"
    if question.for_s < rule.for_s:
        return f"it needs {duration(rule.for_s)}"
    return f"only {between_text(rule)}"
