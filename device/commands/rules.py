"""`mien rules try / show`."""

import argparse

from device.errors import SettingsError
from device.hub.question import parse_question, would_happen
from device.hub.rules import explain
from device.settings import load


def run(arguments: argparse.Namespace) -> int:
    """Say in plain words what the rules are, or what they would do."""
    rules = load(arguments.settings).rules
    if arguments.what == "show":
        print("\n".join(f"{rule.name}: {explain(rule)}" for rule in rules) or "there are no rules")
        return 0
    if not arguments.question:
        raise SettingsError('rules try needs a question, such as: mien rules try "sad for 2m at 21:30"')
    print(would_happen(rules, parse_question(arguments.question)))
    return 0
