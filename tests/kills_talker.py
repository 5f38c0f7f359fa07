"""A sense that a test may kill: the real connection to hub, with 60 changes of mood a second.

`python -m tests.kills_talker SOCKET SESSION LOG` appends to LOG how many of its changes hub has acknowledged.
"""

import itertools
import os
import sys
import time
from pathlib import Path

from device.emotions import EMOTIONS
from device.ipc.messages import Ack, Health, Hello, HubMessage, Stage, State
from device.readings import Mood
from device.sense.hub_client import HubClient
from device.system.isolation.report import Isolation

RATE_HZ = 60.0
_WELL = Health({"camera": Stage(State.OK)}, camera_on=True, microphone_on=True, paused=False)


class RecordingClient(HubClient):
    """Writes each acknowledgement down."""

    def __init__(self, path: Path, hello: Hello, log: Path) -> None:
        super().__init__(path, hello, lambda _: None, retry_s=0.1)
        self._log = log

    def _handle(self, message: HubMessage) -> None:
        super()._handle(message)
        if isinstance(message, Ack):
            with self._log.open("a") as file:
                file.write(f"{message.session} {message.seq}\n")


def main() -> None:
    """Talk until killed."""
    path, session, log = sys.argv[1:]
    isolation = Isolation(True, ("lo",), "refused", "a test")
    client = RecordingClient(Path(path), Hello(session, "0", os.getpid(), isolation, {}), Path(log))
    client.start()
    for turn in itertools.count():
        now_s = time.monotonic()
        shares = tuple(0.7 if number == turn % 7 else 0.05 for number in range(7))
        client.send_mood(Mood(EMOTIONS[turn % 7], 0.7, 0.0, 0.0, shares, 1, now_s, now_s), changed=True)
        if turn % 15 == 0:
            client.send_health(_WELL)
        time.sleep(1 / RATE_HZ)


if __name__ == "__main__":
    main()
