"""`mien demo`: the stand-in performs in front of the real sense; what was played and what was read, side by side."""

import argparse
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

from device.commands.supervisor import Child, common_flags, stop_on_signals, supervise
from device.errors import MienError
from device.sense.simulator import SCRIPT, scene_at
from device.settings.load import load

_WARM_UP_S = 3.0
_NOBODY = "nobody"


def run(arguments: argparse.Namespace) -> int:
    """Perform until Ctrl-C, or for `--seconds`; then say how often each emotion was read as it was played.

    Raises MienError when `--seconds` is no length of time, OSError when nobody takes what is told.
    """
    if arguments.seconds is not None and not 0 <= arguments.seconds < math.inf:
        raise MienError(f"--seconds {arguments.seconds:g}: a number from 0 on is needed")
    port = _free_port(load(arguments.settings).kiosk.port)
    start_s = time.monotonic() + _WARM_UP_S
    with tempfile.TemporaryDirectory(prefix="mien-demo-") as folder:
        settings = Path(folder) / "demo.toml"
        settings.write_text(
            f'[home]\nname = "demo"\nstate_dir = "{folder}/state"\nruntime_dir = "{folder}/run"\n'
            f'[camera]\nsource = "stand-in@{start_s}"\n[microphone]\nsource = "stand-in@{start_s}"\n'
            f"[kiosk]\nport = {port}\n"
        )
        arguments.log = "error" if arguments.log == "info" else arguments.log  # this command tells it itself
        os.environ.setdefault("PYTHONUNBUFFERED", "1")
        (Path(folder) / "run").mkdir(mode=0o700)
        flags = common_flags(arguments, settings)
        page = f"http://127.0.0.1:{port}/"
        print(f"The page on the wall: {page}")
        print("A drawn face and a made voice now perform; Mien sees and hears them as it would you. Ctrl-C ends it.\n")
        stop = stop_on_signals()
        watcher = Watcher(page, start_s, stop)
        watching = threading.Thread(target=watcher.watch, args=(arguments.seconds, not arguments.no_browser))
        watching.start()
        try:
            supervise([Child("hub", flags), Child("sense", flags)], stop)
        finally:
            stop.set()
            watching.join(5.0)
    if watcher.fault:
        raise watcher.fault
    print(watcher.summary())
    return 0 if watcher.seen else 1


def _free_port(wanted: int) -> int:
    for port in (wanted, 0):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue  # somebody, perhaps the real Mien, is there
            free: int = probe.getsockname()[1]
            return free
    return wanted


class Watcher:
    """Looks at the hub's state as any other program would, and tells it beside the script."""

    def __init__(self, page: str, start_s: float, stop: threading.Event) -> None:
        self._page, self._start_s, self._stop = page, start_s, stop
        self._read: dict[str, Counter[str]] = defaultdict(Counter)
        self._told = ""
        self.seen = False
        self.fault: Exception | None = None
        """Why it could not go on."""

    def watch(self, seconds: float | None, browser: bool) -> None:
        """Until `stop`; it is set after `seconds` of the performance, and when nobody takes what is told."""
        try:
            self._watch(seconds, browser)
        except Exception as error:  # noqa: BLE001 - raised again by who waits for the end
            self.fault = error
        finally:
            self._stop.set()

    def _watch(self, seconds: float | None, browser: bool) -> None:
        while not self._stop.wait(0.25):
            played_s = time.monotonic() - self._start_s
            if seconds is not None and played_s >= seconds:
                return
            state = self._state()
            if state is None or not state["mood"]:
                continue
            if browser and not self.seen and (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
                webbrowser.open(self._page)
            self.seen = True
            if played_s >= 0:
                self._tell(state, played_s)

    def _state(self) -> dict[str, Any] | None:
        try:
            with urllib.request.urlopen(f"{self._page}api/state", timeout=2) as answer:  # noqa: S310 - our own page
                state: dict[str, Any] = json.load(answer)
                return state
        except (OSError, http.client.HTTPException, ValueError):
            return None  # the hub is still starting, or is being started again, or ended in the middle of its answer

    def _tell(self, state: dict[str, Any], played_s: float) -> None:
        index, since = scene_at(played_s)
        acted = SCRIPT[index].emotion
        played = acted.value if acted else _NOBODY
        mood = state["mood"]
        if since > 4:  # a calm mood takes its time; what it is after that counts
            self._read[played][mood["emotion"]] += 1
        lamp, player = state["lamp"], state["player"]
        said = ", ".join(
            f"{name} {mood[name]['emotion']} {mood[name]['confidence']:.0%}" for name in ("face", "voice") if mood[name]
        )
        line = f"played {played:9} read {mood['emotion']:9}"
        rest = f"({said or 'nothing seen or heard'})  lamp {lamp['colour']} at {lamp['brightness']} %"
        rest += f"  music: {player['playlist'] or 'none'}"
        # A change of the lamp or the music is news as much as one of the mood: it comes some seconds later.
        news = f"{line} {lamp} {player}"
        if news != self._told:
            print(f"{played_s:6.1f} s  {line} {mood['confidence']:4.0%} {rest}", flush=True)
            self._told = news

    def summary(self) -> str:
        """How often each act was read as it was played, its first 4 s left out."""
        lines = ["", "What was played, and how it was read (the first 4 s of each act left out):"]
        for played, read in self._read.items():
            wanted = "unknown" if played == _NOBODY else played
            total = sum(read.values())
            rest = ", ".join(f"{name} {n / total:.0%}" for name, n in read.most_common() if name != wanted)
            lines.append(f"  {played:9} {read[wanted] / total:4.0%} as played" + (f"; else {rest}" if rest else ""))
        return "\n".join(lines if self._read else ["", "Ended before anything was read."])
