"""Sense's side of the door, with a real socket and a hub that the test plays."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

import msgspec
import pytest

from device.emotions import Emotion
from device.link import (
    MAX_LINE,
    SILENCE_S,
    Ack,
    Beat,
    ClearBaseline,
    Command,
    FromHub,
    FromSense,
    Health,
    Hello,
    Isolation,
    MoodSaid,
    Order,
    SetHold,
    encode,
    from_sense,
)
from device.readings import Mood
from device.sense import door as door_module
from device.sense.door import Asked, Door

_T = TypeVar("_T", Hello, MoodSaid, Health)
_SESSION = "5e55"
_HELLO = Hello(_SESSION, "0.1.0", 1, Isolation(True, ("lo",), "Network is unreachable", ""), {"face": "0.1.0"})
_SEVEN = (0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0)
_MOOD = Mood(Emotion.HAPPY, 0.9, 0.8, 0.4, _SEVEN, 1, 0.0, 0.0)


def _mood(people: int) -> Mood:
    return msgspec.structs.replace(_MOOD, people=people)


class _Line:
    """One connection of sense, seen from hub."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self._end.settimeout(4)
        self._file = end.makefile("rb")

    def next(self) -> FromSense:
        return from_sense(self._file.readline())

    def next_of(self, kind: type[_T]) -> _T:
        while True:
            message = self.next()
            if isinstance(message, kind):
                return message

    def moods(self, count: int) -> list[tuple[int, int]]:
        """The next changes as (seq, people)."""
        found: list[tuple[int, int]] = []
        while len(found) < count:
            said = self.next_of(MoodSaid)
            if said.seq:
                found.append((said.seq, said.mood.people))
        return found

    def say(self, *messages: FromHub) -> None:
        for message in messages:
            self._end.sendall(encode(message))

    def raw(self, data: bytes) -> None:
        self._end.sendall(data)

    def ended(self) -> bool:
        """Read until sense closes. Raises TimeoutError when it does not."""
        while self._file.readline():
            pass
        return True

    def close(self) -> None:
        self._file.close()
        self._end.close()


class _Hub:
    """A listener at the door's place, which may go away and come back."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._listener: socket.socket | None = None
        self._lines: list[_Line] = []
        self.listen()

    def listen(self) -> None:
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self._path))
        self._listener.listen()
        self._listener.settimeout(4)

    def accept(self) -> _Line:
        """The next connection; its hello is the caller's to read."""
        assert self._listener
        line = _Line(self._listener.accept()[0])
        self._lines.append(line)
        return line

    def greet(self) -> _Line:
        """The next connection, its hello read and answered."""
        line = self.accept()
        line.next_of(Hello)
        line.say(Beat())
        return line

    def die(self) -> None:
        if self._listener:
            self._listener.close()
            self._listener = None
        for line in self._lines:
            line.close()
        self._path.unlink(missing_ok=True)


@pytest.fixture
def path() -> Iterator[Path]:
    with TemporaryDirectory(prefix="mien-", dir="/tmp") as folder:
        yield Path(folder) / "door.sock"


@pytest.fixture
def hub(path: Path) -> Iterator[_Hub]:
    one = _Hub(path)
    yield one
    one.die()


@pytest.fixture
def commands() -> list[Asked]:
    return []


@pytest.fixture
def door(path: Path, commands: list[Asked], monkeypatch: pytest.MonkeyPatch) -> Iterator[Door]:
    monkeypatch.setattr(door_module, "_RETRY_S", 0.05)
    one = Door(path, _HELLO, commands.append)
    yield one
    if one._thread.is_alive():
        one.stop()


def _until(true: Callable[[], object], within_s: float = 3.0) -> bool:
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        if true():
            return True
        time.sleep(0.01)
    return False


def test_the_first_line_is_the_hello(door: Door, hub: _Hub) -> None:
    door.say(_mood(1), changed=True)
    door.start()
    line = hub.accept()
    assert line.next() == _HELLO
    assert line.moods(1) == [(1, 1)]


def test_changes_are_numbered_in_order_and_said_at_once(door: Door, hub: _Hub) -> None:
    door.start()
    line = hub.greet()
    for people in (3, 1, 2):
        begun = time.monotonic()
        door.say(_mood(people), changed=True)
        assert line.moods(1)[0][1] == people
        assert time.monotonic() - begun < 0.4  # not only at the next heartbeat
    door.say(_mood(5), changed=True)
    assert line.moods(1) == [(4, 5)]


def test_sense_counts_as_connected_only_when_hub_has_answered(door: Door, hub: _Hub) -> None:
    door.start()
    line = hub.accept()
    assert line.next() == _HELLO
    assert not door.connected
    line.say(Beat())
    assert _until(lambda: door.connected)


def test_what_was_not_acknowledged_is_said_again_after_hub_died_and_came_back(door: Door, hub: _Hub) -> None:
    door.start()
    line = hub.greet()
    for people in range(1, 5):
        door.say(_mood(people), changed=True)
    assert line.moods(4) == [(1, 1), (2, 2), (3, 3), (4, 4)]
    line.say(Ack(_SESSION, 2))
    assert _until(lambda: len(door._outbox) == 2)
    hub.die()
    door.say(_mood(5), changed=True)
    hub.listen()
    again = hub.accept()
    assert again.next() == _HELLO
    assert again.moods(3) == [(3, 3), (4, 4), (5, 5)]
    again.say(Ack(_SESSION, 5))
    assert _until(lambda: not door._outbox)


def test_what_is_acknowledged_is_not_said_again(door: Door, hub: _Hub) -> None:
    door.start()
    line = hub.greet()
    door.say(_mood(1), changed=True)
    line.moods(1)
    line.say(Ack(_SESSION, 1))
    assert _until(lambda: not door._outbox)
    hub.die()
    hub.listen()
    again = hub.greet()
    door.say(_mood(2), changed=True)
    assert again.moods(1) == [(2, 2)]


def test_an_acknowledgement_of_another_session_frees_nothing(door: Door, hub: _Hub) -> None:
    door.start()
    line = hub.greet()
    door.say(_mood(1), changed=True)
    line.moods(1)
    line.say(Ack("other", 99), Ack(_SESSION, 0), Beat())
    assert _until(lambda: door.connected)
    line.close()
    assert hub.greet().moods(1) == [(1, 1)]


def test_sense_may_be_there_long_before_hub(path: Path, door: Door) -> None:
    door.start()
    door.say(_mood(1), changed=True)
    time.sleep(0.2)
    hub = _Hub(path)
    try:
        assert hub.greet().moods(1) == [(1, 1)]
    finally:
        hub.die()


def test_of_refreshes_and_health_only_the_newest_is_said(door: Door, hub: _Hub) -> None:
    for people in range(1, 6):
        door.say(_mood(people), changed=False)
        door.health(Health({}, camera_on=True, microphone_on=True, paused=False, lost_changes=people))
    door.start()
    line = hub.greet()
    said = line.next_of(MoodSaid)
    assert (said.seq, said.mood.people) == (0, 5)
    assert line.next_of(Health).lost_changes == 5
    door.say(_mood(9), changed=True)
    assert line.next() == MoodSaid(_SESSION, 1, _mood(9))


def test_commands_are_handed_on_in_order_though_they_come_in_pieces(
    door: Door, hub: _Hub, commands: list[Asked]
) -> None:
    door.start()
    line = hub.greet()
    wanted: list[Asked] = [
        Command(Order.CAMERA, on=False),
        SetHold(1.5),
        ClearBaseline(),
        Command(Order.PAUSE, on=True),
    ]
    data = b"".join(encode(command) for command in wanted)
    line.raw(data[:20])
    time.sleep(0.05)
    line.raw(data[20:])
    assert _until(lambda: commands == wanted)


def test_a_hub_that_falls_silent_is_left_and_looked_for_again(door: Door, hub: _Hub) -> None:
    door.start()
    silent = hub.greet()
    door.say(_mood(1), changed=True)
    begun = time.monotonic()
    again = hub.greet()
    assert SILENCE_S - 0.1 <= time.monotonic() - begun < SILENCE_S + 2
    assert silent.ended()
    assert again.moods(1) == [(1, 1)]


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\n",
        b"\xff\xfe\xfd\n",
        b'{"type":"ack","session":"\xff","seq":1}\n',
        b'{"type":"command","order":"shout","on":true}\n',
        b'{"type":"mood"}\n',
        b"\n",
        b"[" * 9000 + b"\n",
        b" " * (MAX_LINE + 1) + b"\n",
        b"x" * (3 * MAX_LINE),
    ],
    ids=lambda data: repr(data[:24]),
)
def test_a_hub_that_says_nonsense_is_left_and_looked_for_again(
    door: Door, hub: _Hub, commands: list[Asked], data: bytes
) -> None:
    door.start()
    door.say(_mood(1), changed=True)
    line = hub.greet()
    line.raw(data)
    again = hub.greet()
    assert again.moods(1) == [(1, 1)]
    again.say(Command(Order.PAUSE, on=True))
    assert _until(lambda: commands == [Command(Order.PAUSE, on=True)])


def test_changes_that_the_outbox_cannot_hold_are_counted_and_the_newest_kept(
    door: Door, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door_module, "OUTBOX", 5)
    for people in range(1, 9):
        door.say(_mood(people), changed=True)
    assert door.lost == 3
    with closing(socket.socket(socket.AF_UNIX)) as listener:
        listener.bind(str(path))
        listener.listen()
        listener.settimeout(4)
        door.start()
        line = _Line(listener.accept()[0])
        assert line.moods(5) == [(4, 4), (5, 5), (6, 6), (7, 7), (8, 8)]
        line.close()


def test_saying_never_blocks_even_if_nobody_reads(door: Door, hub: _Hub) -> None:
    door.start()
    line = hub.greet()
    begun = time.monotonic()
    for people in range(3000):
        door.say(_mood(people), changed=True)
        door.health(Health({}, camera_on=True, microphone_on=True, paused=False))
    assert time.monotonic() - begun < 2
    line.close()


def test_the_last_words_are_still_said_and_the_thread_ends(door: Door, hub: _Hub) -> None:
    door.start()
    line = hub.greet()
    assert _until(lambda: door.connected)
    door.say(_mood(7), changed=True)
    door.stop()
    assert line.moods(1) == [(1, 7)]
    assert line.ended()
    assert "door" not in {thread.name for thread in threading.enumerate()}


def test_a_door_that_never_found_a_hub_stops_at_once(door: Door) -> None:
    door.start()
    time.sleep(0.1)
    begun = time.monotonic()
    door.stop()
    assert time.monotonic() - begun < 1
    door.say(_mood(1), changed=True)  # the loop may still be in its last turn
