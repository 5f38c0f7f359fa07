"""`mien baseline record`, `show` and `clear`: commands to the running hub, over the page's port."""

import argparse
import time
from typing import Any

from device.commands import Arguments
from device.commands.hub_api import get_json, send_command
from device.emotions import EMOTIONS
from device.errors import MienError
from device.hub.state.features import PRESS
from device.settings.load import load
from device.settings.schema import Settings

_WHAT = "record: sit in view for a minute, relaxed; show: what was recorded; clear: delete it"
ARGUMENTS: Arguments = {"what": {"choices": ["record", "show", "clear"], "help": _WHAT}}


def run(arguments: argparse.Namespace) -> int:
    """Raises MienError when the hub or sense does not run, or when nothing could be recorded."""
    settings = load(arguments.settings)
    sense = get_json(settings, "/api/state")["sense"]
    if not sense["available"]:
        raise MienError(f"sense is not running ({sense['problem']}): the baseline can be neither read nor recorded")
    if arguments.what == "clear":
        send_command(settings, "recalibrate", PRESS)
        print("Deleted the recorded baseline and what was learned about the voices here.")
    elif arguments.what == "record":
        before = sense["baseline"]
        send_command(settings, "record_neutral", PRESS)
        _wait_for_recording(settings, before)
    else:
        print(_describe(sense["baseline"]))
    return 0


def _wait_for_recording(settings: Settings, before: Any) -> None:  # noqa: ANN401 - JSON
    """Print the duration, then the result. Raises MienError when nothing was recorded."""
    has_started, deadline_s = False, time.monotonic() + 5.0
    while True:
        sense = get_json(settings, "/api/state")["sense"]
        recording = sense["recording"]
        if recording is None:
            raise MienError(f"sense stopped ({sense['problem']}): nothing was recorded")
        if recording["left_s"]:
            if not has_started:
                print(f"For {recording['left_s']:.0f} s: {recording['said']}.", flush=True)
            has_started = True
        elif has_started:
            if sense["baseline"] == before:
                raise MienError(recording["said"])
            print(f"{recording['said'].capitalize()}.\n{_describe(sense['baseline'])}")
            return
        elif time.monotonic() > deadline_s:
            raise MienError("the recording did not start; `mien doctor` shows the state of sense")
        time.sleep(0.5)


def _describe(baseline: Any) -> str:  # noqa: ANN401 - JSON
    if baseline is None:
        return "No baseline is recorded, so the general one is used. To record one: mien baseline record"
    recorded = time.strftime("%Y-%m-%d %H:%M", time.localtime(baseline["recorded"]))
    lines = [f"Recorded {recorded}. When people here are relaxed,"]
    for sense in ("face", "voice"):
        if neutral := baseline[sense]:
            shares = sorted(EMOTIONS, key=lambda emotion: -neutral["shares"][emotion])[:4]
            text = ", ".join(f"{emotion} {100 * neutral['shares'][emotion]:.0f} %" for emotion in shares)
            lines.append(f"  {sense}s read as {text} (mean of {neutral['readings']} readings)")
        else:
            lines.append(f"  {sense}s: too few readings")
    return "\n".join(lines)
