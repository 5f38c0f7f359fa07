"""The hub's side of the connection, played by the test."""

import socket
from pathlib import Path
from typing import TypeVar

import msgspec

from device.emotions import Emotion
from device.ipc.messages import Beat, Health, Hello, HubMessage, MoodUpdate, SenseMessage, decode_sense_message, encode
from device.readings import Mood
from device.system.isolation import Isolation

_T = TypeVar("_T", Hello, MoodUpdate, Health)
SESSION = "5e55"
HELLO = Hello(SESSION, "0.1.0", 1, Isolation(True, ("lo",), "Network is unreachable", ""), {"face": "0.1.0"})
_SEVEN = (0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0)
_MOOD = Mood(Emotion.HAPPY, 0.9, 0.8, 0.4, _SEVEN, 1, 0.0, 0.0)


def mood(people: int) -> Mood:
    return msgspec.structs.replace(_MOOD, people=people)


class Line:
    """One connection from sense."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self._end.settimeout(4)
        self._file = end.makefile("rb")

    def next(self) -> SenseMessage:
        return decode_sense_message(self._file.readline())

    def next_of(self, kind: type[_T]) -> _T:
        while True:
            message = self.next()
            if isinstance(message, kind):
                return message

    def moods(self, count: int) -> list[tuple[int, int]]:
        """The next changes, as (seq, people)."""
        found: list[tuple[int, int]] = []
        while len(found) < count:
            update = self.next_of(MoodUpdate)
            if update.seq:
                found.append((update.seq, update.mood.people))
        return found

    def say(self, *messages: HubMessage) -> None:
        for message in messages:
            self._end.sendall(encode(message))

    def raw(self, data: bytes) -> None:
        self._end.sendall(data)

    def ended(self) -> bool:
        """Read until sense closes the connection. Raises TimeoutError if it does not."""
        while self._file.readline():
            pass
        return True

    def close(self) -> None:
        self._file.close()
        self._end.close()


class Hub:
    """A hub that can go away and come back."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._listener: socket.socket | None = None
        self._lines: list[Line] = []
        self.listen()

    def listen(self) -> None:
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self._path))
        self._listener.listen()
        self._listener.settimeout(4)

    def accept(self) -> Line:
        """The next connection, with its hello unread."""
        assert self._listener
        line = Line(self._listener.accept()[0])
        self._lines.append(line)
        return line

    def greet(self) -> Line:
        """The next connection, after its hello was read and answered."""
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
