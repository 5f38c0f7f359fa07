"""A rule in plain words: what `mien config check`, `mien rules` and the log say."""

from device.hub.wording import ADJECTIVES, duration
from device.settings.actions import Action, comes_back
from device.settings.rules import Rule


def explain(rule: Rule) -> str:
    """One plain sentence."""
    held = f" for {duration(rule.for_s)}" if rule.for_s else ""
    when = f" {between_text(rule)}" if rule.hours else ""
    where = f" in the profile {' or '.join(rule.profiles)}" if rule.profiles else ""
    sure = f" and Mien is at least {100 * rule.min_confidence:.0f} % sure" if rule.mood or rule.feels else ""
    back = f"; {_afterwards(rule.do)}" if rule.restore else ""
    again = f"; not again for {duration(rule.cooldown_s)}" if rule.cooldown_s else ""
    return f"When {condition(rule)}{held}{when}{where}{sure}: {actions_text(rule.do)}{back}{again}."


def condition(rule: Rule) -> str:
    """`the room is sad or fearful and 2 or more people are in view`."""
    said = [f"the room is {feelings(rule)}"] if rule.mood else []
    if rule.feels:
        said.append(f"the valence is {_range(rule.valence_min, rule.valence_max, -1.0, 1.0)}")
    if rule.counts:
        said.append(_counted(rule))
    return " and ".join(said)


def _afterwards(actions: tuple[Action, ...]) -> str:
    """What is put back, and what cannot be."""
    stays = tuple(action for action in actions if not comes_back(action))
    if len(stays) == len(actions):
        return "afterwards nothing is put back, as nobody can tell what this changes"
    return "afterwards it is put back" + (f", but not {actions_text(stays)}" if stays else "")


def _range(least: float, most: float, lowest: float, highest: float) -> str:
    if most == highest:
        return f"at least {least:g}"
    return f"at most {most:g}" if least == lowest else f"from {least:g} to {most:g}"


def _counted(rule: Rule) -> str:
    least, most = max(rule.people_min, int(rule.presence == "someone")), rule.people_max
    if rule.presence == "nobody" or most == 0:
        return "nobody is in view"
    if most == 1000:
        return "somebody is in view" if least == 1 else f"{least} or more people are in view"
    if least == most:
        return "1 person is in view" if least == 1 else f"{least} people are in view"
    if least == 0:
        return "at most 1 person is in view" if most == 1 else f"at most {most} people are in view"
    return f"{least} to {most} people are in view"


def feelings(rule: Rule) -> str:
    """`sad or fearful`."""
    words = [ADJECTIVES[emotion] for emotion in rule.mood]
    return " or ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def between_text(rule: Rule) -> str:
    """`between 18:00 and 23:30`, of a rule that has such hours."""
    return "between {} and {}".format(*rule.hours.split("-"))


def actions_text(actions: tuple[Action, ...]) -> str:
    """`lamp #ffb46b at 40 %, player calm at 30 %`."""
    return ", ".join(action.words for action in actions)
