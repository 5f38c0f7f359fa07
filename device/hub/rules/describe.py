"""A rule in plain words: for `mien config check`, `mien rules` and the log."""

from device.hub.wording import format_duration
from device.settings.actions.base import Action
from device.settings.rules import Rule


def describe(rule: Rule) -> str:
    """One plain sentence."""
    held = f" for {format_duration(rule.for_s)}" if rule.for_s else ""
    when = f" {describe_hours(rule)}" if rule.hours else ""
    where = f" in the profile {' or '.join(rule.profiles)}" if rule.profiles else ""
    sure = f" and Mien is at least {100 * rule.min_confidence:.0f} % sure" if rule.mood or rule.has_valence else ""
    back = f"; {_describe_restore(rule.do)}" if rule.restore else ""
    again = f"; not again for {format_duration(rule.cooldown_s)}" if rule.cooldown_s else ""
    return f"When {describe_condition(rule)}{held}{when}{where}{sure}: {describe_actions(rule.do)}{back}{again}."


def describe_condition(rule: Rule) -> str:
    """`the room is sad or fearful and 2 or more people are in view`."""
    parts = [f"the room is {describe_moods(rule)}"] if rule.mood else []
    if rule.has_valence:
        parts.append(f"the valence is {_describe_range(rule.valence_min, rule.valence_max, -1.0, 1.0)}")
    if rule.has_people:
        parts.append(_describe_people(rule))
    return " and ".join(parts)


def _describe_restore(actions: tuple[Action, ...]) -> str:
    """What is restored, and what cannot be."""
    rest = tuple(action for action in actions if not action.restorable)
    if len(rest) == len(actions):
        return "afterwards nothing is put back, because Mien cannot know what this changes"
    return "afterwards it is put back" + (f", but not {describe_actions(rest)}" if rest else "")


def _describe_range(low: float, high: float, lowest: float, highest: float) -> str:
    if high == highest:
        return f"at least {low:g}"
    return f"at most {high:g}" if low == lowest else f"from {low:g} to {high:g}"


def _describe_people(rule: Rule) -> str:
    low, high = max(rule.people_min, int(rule.presence == "someone")), rule.people_max
    if rule.presence == "nobody" or high == 0:
        return "nobody is in view"
    if high == 1000:
        return "somebody is in view" if low == 1 else f"{low} or more people are in view"
    people = "person is" if high == 1 else "people are"
    if low == high:
        return f"{low} {people} in view"
    return f"{low} to {high} {people} in view" if low else f"at most {high} {people} in view"


def describe_moods(rule: Rule) -> str:
    """`sad or fearful`."""
    words = [emotion.adjective for emotion in rule.mood]
    return " or ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def describe_hours(rule: Rule) -> str:
    """`between 18:00 and 23:30`. The rule must have hours."""
    return "between {} and {}".format(*rule.hours.split("-"))


def describe_actions(actions: tuple[Action, ...]) -> str:
    """`lamp #ffb46b at 40 %, player calm at 30 %`."""
    return ", ".join(action.description for action in actions)
