"""`mien rules try / show`."""

import argparse

from device.commands import Arguments
from device.errors import SettingsError
from device.hub.rules.describe import describe
from device.hub.rules.what_if import explain_outcome, parse_question
from device.hub.state import profiles
from device.settings.load import load

_WHAT = "show: describe each rule; try: say what would happen in a situation"
ARGUMENTS: Arguments = {
    "what": {"choices": ["try", "show"], "help": _WHAT},
    "question": {"nargs": "?", "help": 'try: the situation, such as "sad for 2m at 21:30"'},
}


def run(arguments: argparse.Namespace) -> int:
    """Explain the rules, or what they would do in a situation. Raises SettingsError."""
    settings = load(arguments.settings)
    if arguments.what == "show":
        print("\n".join(f"{rule.name}: {describe(rule)}" for rule in settings.rules) or "there are no rules")
        return 0
    if not arguments.question:
        raise SettingsError('rules try needs a question, such as: mien rules try "sad for 2m at 21:30"')
    # In the profile that is active now, unless the question names another.
    active = profiles.load(settings.state_dir, settings.profiles)
    question = parse_question(arguments.question, profiles=settings.profiles, profile=active)
    print(explain_outcome(settings.rules, question))
    return 0
