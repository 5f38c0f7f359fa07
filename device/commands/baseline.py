"""`mien baseline record`, `show` and `clear`: asked of the hub that runs here, over its page's address."""

import argparse
import time
from typing import Any

from device.commands.hub_api import ask, tell
from device.emotions import EMOTIONS
from device.errors import MienError
from device.hub.state.features import PRESS
from device.settings.load import load
from device.settings.schema import Settings

_BEGIN_S = 5.0
"""A recording that has not begun after so long does not begin."""


def run(arguments: argparse.Namespace) -> int:
    """Raises MienError when no hub or no sense is there, or when nothing could be recorded."""
    settings = load(arguments.settings)
    sense = ask(settings, "/api/state")["sense"]
    if not sense["available"]:
        raise MienError(f"sense is away ({sense['problem']}): nothing can be recorded or told")
    if arguments.what == "clear":
        tell(settings, "recalibrate", PRESS)
        print("The neutral is cleared, and how voices usually sound here: both begin anew.")
    elif arguments.what == "record":
        before = sense["baseline"]
        tell(settings, "record_neutral", PRESS)
        _watch(settings, before)
    else:
        print(_shown(sense["baseline"]))
    return 0


def _watch(settings: Settings, before: Any) -> None:  # noqa: ANN401 - JSON
    """Count down. Raises MienError when it came to nothing."""
    begun, given_up_s = False, time.monotonic() + _BEGIN_S
    while True:
        sense = ask(settings, "/api/state")["sense"]
        recording = sense["recording"]
        if recording is None:
            raise MienError(f"sense went away ({sense['problem']}): nothing was recorded")
        if recording["left_s"]:
            if not begun:
                print(f"For {recording['left_s']:.0f} s: {recording['said']}.", flush=True)
            begun = True
        elif begun:
            if sense["baseline"] == before:
                raise MienError(recording["said"])
            print(f"{recording['said'].capitalize()}.\n{_shown(sense['baseline'])}")
            return
        elif time.monotonic() > given_up_s:
            raise MienError("the recording did not begin; `mien doctor` tells how sense is")
        time.sleep(0.5)


def _shown(baseline: Any) -> str:  # noqa: ANN401 - JSON
    if baseline is None:
        return "No neutral is recorded: faces and voices are read as everywhere. Record one with: mien baseline record"
    lines = [f"Recorded {time.strftime('%Y-%m-%d %H:%M', time.localtime(baseline['recorded']))}. At rest,"]
    for sense in ("face", "voice"):
        if resting := baseline[sense]:
            shares = sorted(EMOTIONS, key=lambda emotion: -resting["shares"][emotion])[:4]
            read = ", ".join(f"{emotion} {100 * resting['shares'][emotion]:.0f} %" for emotion in shares)
            lines.append(f"  {sense}s here read as {read} (mean of {resting['readings']} readings)")
        else:
            lines.append(f"  {sense}s: too few were there")
    return "\n".join(lines)
