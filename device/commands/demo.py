"""`mien demo`: a simulated camera and microphone feed the real pipeline. Prints what is played and what is read."""

import argparse
import contextlib
import http.client
import json
import math
import os
import socket
import tempfile
import threading
import time
import urllib.request
import webbrowser
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

from device.commands import Arguments, switch
from device.commands.supervisor import Child, common_flags, stop_on_signals, supervise
from device.errors import MienError
from device.sense.simulator import SCRIPT, scene_at
from device.settings.load import load

_NOBODY = "nobody"

ARGUMENTS: Arguments = {
    "--seconds": {"type": float, "help": "stop after this time (default: at Ctrl-C)"},
    "--no-browser": switch("print the page's address, but do not open it"),
}


def run(arguments: argparse.Namespace) -> int:
    """Play until Ctrl-C, or for `--seconds`; then print how often each emotion was recognized as played.

    Raises MienError when `--seconds` is not a duration, OSError when stdout cannot be written.
    """
    if arguments.seconds is not None and not 0 <= arguments.seconds < math.inf:
        raise MienError(f"--seconds {arguments.seconds:g}: a number from 0 on is needed")
    port = _free_port(load(arguments.settings).kiosk.port)
    start_s = time.monotonic() + 3.0  # about as long as both processes take to start
    with tempfile.TemporaryDirectory(prefix="mien-demo-") as folder:
        settings = Path(folder) / "demo.toml"
        settings.write_text(
            f'[home]\nname = "demo"\nstate_dir = "{folder}/state"\nruntime_dir = "{folder}/run"\n'
            f'[camera]\nsource = "stand-in@{start_s}"\n[microphone]\nsource = "stand-in@{start_s}"\n'
            f"[kiosk]\nport = {port}\n"
        )
        arguments.log = "error" if arguments.log == "info" else arguments.log  # this command prints what happens itself
        os.environ.setdefault("PYTHONUNBUFFERED", "1")
        (Path(folder) / "run").mkdir(mode=0o700)
        flags = common_flags(arguments, settings)
        page = f"http://127.0.0.1:{port}/"
        play = "Mien now sees a drawn face and hears a generated voice, as it would see and hear you. Ctrl-C stops it."
        print(f"The page: {page}\n{play}\n")
        stop = stop_on_signals()
        watcher = Watcher(page, start_s, stop)
        thread = threading.Thread(target=watcher.watch, args=(arguments.seconds, not arguments.no_browser))
        thread.start()
        try:
            supervise([Child("hub", flags), Child("sense", flags)], stop)
        finally:
            stop.set()
            thread.join(5.0)
    if watcher.error:
        raise watcher.error
    print(watcher.summary())
    return 0 if watcher.has_mood else 1


def _free_port(preferred: int) -> int:
    for port in (preferred, 0):
        with socket.socket() as probe, contextlib.suppress(OSError):  # in use, perhaps by the real Mien
            probe.bind(("127.0.0.1", port))
            return int(probe.getsockname()[1])
    return preferred


class Watcher:
    """Polls the hub's state over HTTP, as any other program would, and prints it beside the script."""

    def __init__(self, page: str, start_s: float, stop: threading.Event) -> None:
        self._page, self._start_s, self._stop = page, start_s, stop
        self._counts: dict[str, Counter[str]] = defaultdict(Counter)
        self._last_line = ""
        self.has_mood = False
        self.error: Exception | None = None

    def watch(self, seconds: float | None, browser: bool) -> None:
        """Print until `stop` is set. Sets it after `seconds` of the script, and when stdout cannot be written."""
        try:
            self._poll(seconds, browser)
        except Exception as error:  # noqa: BLE001 - raised again in the main thread
            self.error = error
        finally:
            self._stop.set()

    def _poll(self, seconds: float | None, browser: bool) -> None:
        while not self._stop.wait(0.25):
            played_s = time.monotonic() - self._start_s
            if seconds is not None and played_s >= seconds:
                return
            if not (state := self._get_state()) or not state["mood"]:
                continue
            if browser and not self.has_mood and (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
                webbrowser.open(self._page)
            self.has_mood = True
            if played_s >= 0:
                self._print(state, played_s)

    def _get_state(self) -> Any:  # noqa: ANN401 - JSON
        try:
            with urllib.request.urlopen(f"{self._page}api/state", timeout=2) as answer:  # noqa: S310 - our own page
                return json.load(answer)
        except (OSError, http.client.HTTPException, ValueError):
            return None  # the hub is starting, is being restarted, or ended while it answered

    def _print(self, state: dict[str, Any], played_s: float) -> None:
        index, since = scene_at(played_s)
        emotion = SCRIPT[index].emotion
        played = emotion.value if emotion else _NOBODY
        mood = state["mood"]
        if since > 4:  # the mood follows slowly on purpose: count what it is after that
            self._counts[played][mood["emotion"]] += 1
        lamp, player = state["lamp"], state["player"]
        readings = ", ".join(
            f"{name} {mood[name]['emotion']} {mood[name]['confidence']:.0%}" for name in ("face", "voice") if mood[name]
        )
        line = f"played {played:9} read {mood['emotion']:9}"
        rest = f"({readings or 'no face, no voice'})  lamp {lamp['colour']} at {lamp['brightness']} %"
        # Print changes of the lamp and the music, too: they come some seconds after the mood.
        if self._last_line != (key := f"{line} {lamp} {player}"):
            self._last_line = key
            music = player["playlist"] or "none"
            print(f"{played_s:6.1f} s  {line} {mood['confidence']:4.0%} {rest}  music: {music}", flush=True)

    def summary(self) -> str:
        """How often each scene was read as it was played, without its first 4 s."""
        lines = ["", "What was played, and how it was read (without the first 4 s of each scene):"]
        for played, counts in self._counts.items():
            expected = "unknown" if played == _NOBODY else played
            total = sum(counts.values())
            rest = ", ".join(f"{name} {n / total:.0%}" for name, n in counts.most_common() if name != expected)
            otherwise = f"; otherwise {rest}" if rest else ""
            lines.append(f"  {played:9} {counts[expected] / total:4.0%} as played{otherwise}")
        return "\n".join(lines if self._counts else ["", "Stopped before anything was read."])
