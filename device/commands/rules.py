"""`mien rules try / show`."""

import argparse

from device.errors import SettingsError
from device.hub.rules.describe import explain
from device.hub.rules.what_if import explain_outcome, parse_question
from device.hub.state import profiles
from device.settings.load import load


def run(arguments: argparse.Namespace) -> int:
    """Say in plain words what the rules are, or what they would do."""
    settings = load(arguments.settings)
    if arguments.what == "show":
        print("\n".join(f"{rule.name}: {explain(rule)}" for rule in settings.rules) or "there are no rules")
        return 0
    if not arguments.question:
        raise SettingsError('rules try needs a question, such as: mien rules try "sad for 2m at 21:30"')
    # What would happen now: in the profile that was chosen, unless the question names another.
    chosen = profiles.load(settings.state_dir, settings.profiles)
    question = parse_question(arguments.question, profiles=settings.profiles, profile=chosen)
    print(explain_outcome(settings.rules, question))
    return 0
