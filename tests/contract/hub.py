"""A `mien hub` as other programs meet it: its socket, its HTTP API, its broker, and nothing of its code.

`record(root, folder, port, broker_port)` runs the hub of the checkout at `root` beside a scripted sense, and returns
every document that came out, with moments and versions blanked. `python -m tests.contract.hub ROOT` prints them.
"""

import contextlib
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

Json = Any

_SETTINGS = """
[home]
name = "contract"
state_dir = "{folder}/state"
runtime_dir = "{folder}/run"
[kiosk]
port = {port}
[mqtt]
host = "127.0.0.1"
port = {broker_port}
[[rules]]
name = "comfort"
mood = ["sad"]
for_s = 0
cooldown_s = 1
do = [
    {{ action = "lamp", colour = "#ffb46b", brightness = 40 }},
    {{ action = "player", playlist = "calm", volume = 30 }},
]
"""
_HELLO = {
    "type": "hello",
    "session": "s1",
    "version": "0.1.0",
    "pid": 42,
    "isolation": {"enforced": True, "interfaces": ["lo"], "refused": "OSError", "detail": "by a namespace"},
    "models": {"face": "1.0", "voice": "2.0"},
}
_STAGE = {"state": "ok", "detail": "", "rate_hz": 10.0, "dropped": 3}
_SHARES = [0.02, 0.02, 0.02, 0.1, 0.8, 0.02, 0.02]
_HEALTH = {
    "type": "health",
    "stages": {
        "camera": _STAGE,
        "microphone": {**_STAGE, "state": "lost", "detail": "no microphone called pulse"},
        "face": _STAGE,
        "voice": _STAGE,
    },
    "camera_on": True,
    "microphone_on": True,
    "paused": False,
    "lost_changes": 2,
    "hold_s": 3.0,
    "baseline": {"recorded_utc_s": 1.7e9, "face": {"readings": 40, "shares": _SHARES}, "voice": None},
    "recording": {"left_s": 0.0, "said": ""},
}
_COMMANDS = [
    ("camera", "OFF"),
    ("microphone", "ON"),
    ("pause", "ON"),
    ("hold_s", "5"),
    ("record_neutral", "PRESS"),
    ("profile", "everyday"),
    ("recalibrate", "PRESS"),
    ("camera", "MAYBE"),
    ("nothing", "1"),
]
_ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?")
_MOMENTS = re.compile(r"(_s|^id|^since|^until|^time|^number)$")
_SENTENCES = {"said", "detail", "problem", "problems", "error", "health", "result"}
"""Keys under which a sentence for a person stands: it may be put better."""
_VERSIONS = {"version", "sw"}


def mood(emotion: str, shares: list[float], people: int) -> Json:
    """A mood as `sense` sends it, begun now."""
    now = time.monotonic()
    said = {"emotion": emotion, "confidence": 0.8, "age_s": 0.5}
    return {
        "emotion": emotion,
        "confidence": 0.80049,
        "valence": -0.61239,
        "arousal": -0.3,
        "probabilities": shares,
        "people": people,
        "since_s": now,
        "time_s": now,
        "face": said,
        "voice": None,
    }


class Sense:
    """Speaks the lines of the contract over the socket and keeps what the hub sends."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(str(path))
        self.received: list[Json] = []
        self._ended = threading.Event()
        self.say(_HELLO)
        self._threads = [threading.Thread(target=self._beat), threading.Thread(target=self._listen)]
        for thread in self._threads:
            thread.start()

    def say(self, message: Json) -> None:
        self._socket.sendall(json.dumps(message).encode() + b"\n")

    def close(self) -> None:
        self._ended.set()
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)
        self._socket.close()

    def _beat(self) -> None:
        while not self._ended.is_set():
            with contextlib.suppress(OSError):
                self.say(_HEALTH)
            self._ended.wait(0.2)

    def _listen(self) -> None:
        with contextlib.suppress(OSError), self._socket.makefile() as lines:
            for line in lines:
                self.received.append(json.loads(line))


def blanked(document: Json, key: str = "") -> Json:
    """The document without what differs from run to run, and without sentences for a person."""
    if document and key in _SENTENCES | _VERSIONS and document != "done":
        return "a sentence" if key in _SENTENCES else "a version"
    if isinstance(document, dict):
        return {name: blanked(value, name) for name, value in document.items()}
    if isinstance(document, list):
        return [blanked(value) for value in document]
    if isinstance(document, str):
        return _ISO.sub("ISO", document)
    is_moment = isinstance(document, float | int) and not isinstance(document, bool) and _MOMENTS.search(key)
    return type(document).__name__ if is_moment else document


def _get(port: int, path: str, body: Json = None) -> Json:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - loopback
            status, text, kind = answer.status, answer.read().decode(), answer.headers.get_content_type()
    except urllib.error.HTTPError as error:
        status, text, kind = error.code, error.read().decode(), error.headers.get_content_type()
    return {"status": status, "type": kind, "body": json.loads(text) if kind == "application/json" else text}


def _until(done: Callable[[], bool], what: str, limit_s: float = 20) -> None:
    end = time.monotonic() + limit_s
    while not done():
        if time.monotonic() > end:
            raise TimeoutError(what)
        time.sleep(0.05)


@contextlib.contextmanager
def _subscriber(port: int, found: list[tuple[str, str, str]]) -> Iterator[None]:
    """Every message of the broker, as (topic, retained, payload)."""
    command = ["mosquitto_sub", "-p", str(port), "-t", "#", "-F", "%t %r %p"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def read() -> None:
        for line in process.stdout or ():
            topic, retained, payload = line.rstrip("\n").split(" ", 2)
            found.append((topic, retained, payload))

    thread = threading.Thread(target=read)
    thread.start()
    try:
        yield
    finally:
        process.terminate()
        process.wait(5)
        thread.join(5)


def record(root: Path, folder: Path, port: int, broker_port: int) -> Json:
    """Run the hub of `root` with settings in `folder`, and return what it said. The broker has to listen already."""
    settings = folder / "mien.toml"
    settings.write_text(_SETTINGS.format(folder=folder, port=port, broker_port=broker_port))
    environment = {**os.environ, "PYTHONPATH": str(root), "TZ": "UTC"}
    log = (folder / "hub.log").open("w")
    command = [sys.executable, "-m", "device.cli", "--settings", str(settings), "hub"]
    messages: list[tuple[str, str, str]] = []
    hub = subprocess.Popen(command, env=environment, cwd=root, stderr=log, stdout=log)
    try:
        with _subscriber(broker_port, messages):
            path = folder / "run" / "door.sock"
            _until(path.exists, "the socket of the hub")
            sense = Sense(path)
            try:
                return _play(sense, port, messages)
            finally:
                sense.close()
    finally:
        hub.terminate()
        hub.wait(15)
        log.close()


def _play(sense: Sense, port: int, messages: list[tuple[str, str, str]]) -> Json:
    def topics() -> set[str]:
        return {topic for topic, _, _ in messages}

    _until(lambda: "mien/contract/state" in topics(), "the state on the broker")
    _until(lambda: _get(port, "/healthz")["status"] == 200, "the page")
    sense.say({"type": "mood", "session": "s1", "seq": 1, "mood": mood("sad", _SHARES, 1)})
    _until(lambda: any(one["type"] == "ack" for one in sense.received), "the acknowledgement")
    _until(lambda: len(_get(port, "/api/history")["body"]) >= 3, "two actions in the history")
    _until(
        lambda: '"playing": true' in _last(messages, "mien/contract/state"), "the mood and the actions on the broker"
    )
    answers = {
        path: blanked(_get(port, path))
        for path in ("/healthz", "/api/state", "/api/features", "/api/setup", "/api/history?since=1h")
    }
    slots = _get(port, "/api/history/slots?since=1h&step_s=1800")
    answers["/api/history/slots"] = [slots["status"], sorted(slots["body"]), sorted(slots["body"]["slots"][-1])]
    answers["/api/history.csv"] = _get(port, "/api/history.csv")["body"].splitlines()[0]
    answers["/api/history?since=never"] = blanked(_get(port, "/api/history?since=never"))
    metrics = _get(port, "/metrics")["body"].splitlines()
    answers["/metrics"] = sorted(
        {
            re.sub(r'version="[^"]*"', 'version=""', line.rsplit(" ", 1)[0])
            for line in metrics
            if line.startswith("mien_")
        }
        | {line for line in metrics if line.startswith("# TYPE mien_")}
    )
    commands = [
        [feature, value, _get(port, "/api/command", {"feature": feature, "value": value})]
        for feature, value in _COMMANDS
    ]
    _until(lambda: sum(one["type"] not in ("ack", "beat") for one in sense.received) >= 6, "the commands")
    return {
        "http": answers,
        "commands": [[feature, value, answer["status"], sorted(answer["body"])] for feature, value, answer in commands],
        "to_sense": [one for one in sense.received if one["type"] != "beat"],
        "mqtt": {topic: _payload(_last(messages, topic)) for topic in sorted(topics())},
    }


def _payload(text: str) -> Json:
    return blanked(json.loads(text)) if text.startswith("{") else text


def _last(messages: list[tuple[str, str, str]], topic: str) -> str:
    return next((payload for name, _, payload in reversed(messages) if name == topic), "")


def main() -> None:
    """Print the record of the checkout named on the command line."""
    from tempfile import TemporaryDirectory

    from tests.hub.conftest import Broker, free_port

    with TemporaryDirectory(prefix="mien-", dir="/tmp") as folder:
        broker = Broker(Path(folder))
        broker.start()
        try:
            print(json.dumps(record(Path(sys.argv[1]).resolve(), Path(folder), free_port(), broker.port), indent=1))
        finally:
            broker.kill()


if __name__ == "__main__":
    main()
