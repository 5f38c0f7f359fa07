"""A hub that is away, dies, falls silent or sends nonsense: unacknowledged changes are sent again."""

import socket
import time
from contextlib import closing
from pathlib import Path

import pytest

from device.ipc.messages import MAX_LINE, PEER_TIMEOUT_S, Ack, Beat, SenseCommand, SetSwitch, Switch
from device.sense.hub_client import HubClient
from tests.sense.fake_hub import HELLO, SESSION, Hub, Line, mood
from tests.sense.waits import until


def test_sense_can_start_long_before_hub(hub_path: Path, client: HubClient) -> None:
    client.start()
    client.send_mood(mood(1), changed=True)
    time.sleep(0.2)
    hub = Hub(hub_path)
    try:
        assert hub.greet().moods(1) == [(1, 1)]
    finally:
        hub.die()


def test_unacknowledged_changes_are_sent_again_after_hub_restarted(client: HubClient, hub: Hub) -> None:
    client.start()
    line = hub.greet()
    for people in range(1, 5):
        client.send_mood(mood(people), changed=True)
    assert line.moods(4) == [(1, 1), (2, 2), (3, 3), (4, 4)]
    line.say(Ack(SESSION, 2))
    until(lambda: len(client._outbox) == 2)
    hub.die()
    client.send_mood(mood(5), changed=True)
    hub.listen()
    again = hub.accept()
    assert again.next() == HELLO
    assert again.moods(3) == [(3, 3), (4, 4), (5, 5)]
    again.say(Ack(SESSION, 5))
    until(lambda: not client._outbox)


def test_acknowledged_changes_are_not_sent_again(client: HubClient, hub: Hub) -> None:
    client.start()
    line = hub.greet()
    client.send_mood(mood(1), changed=True)
    line.moods(1)
    line.say(Ack(SESSION, 1))
    until(lambda: not client._outbox)
    hub.die()
    hub.listen()
    again = hub.greet()
    client.send_mood(mood(2), changed=True)
    assert again.moods(1) == [(2, 2)]


def test_an_acknowledgement_of_another_session_frees_nothing(client: HubClient, hub: Hub) -> None:
    client.start()
    line = hub.greet()
    client.send_mood(mood(1), changed=True)
    line.moods(1)
    line.say(Ack("other", 99), Ack(SESSION, 0), Beat())
    until(lambda: client.connected)
    line.close()
    assert hub.greet().moods(1) == [(1, 1)]


def test_a_full_outbox_drops_and_counts_the_oldest_changes(hub_path: Path, commands: list[SenseCommand]) -> None:
    client = HubClient(hub_path, HELLO, commands.append, max_outbox=5)
    for people in range(1, 9):
        client.send_mood(mood(people), changed=True)
    assert client.lost_changes == 3
    with closing(socket.socket(socket.AF_UNIX)) as listener:
        listener.bind(str(hub_path))
        listener.listen()
        listener.settimeout(4)
        client.start()
        line = Line(listener.accept()[0])
        assert line.moods(5) == [(4, 4), (5, 5), (6, 6), (7, 7), (8, 8)]
        line.close()
    client.stop()


def test_a_silent_hub_is_disconnected_and_reconnected(client: HubClient, hub: Hub) -> None:
    client.start()
    silent = hub.greet()
    client.send_mood(mood(1), changed=True)
    begun = time.monotonic()
    again = hub.greet()
    assert PEER_TIMEOUT_S - 0.1 <= time.monotonic() - begun < PEER_TIMEOUT_S + 2
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
def test_a_hub_that_sends_nonsense_is_disconnected_and_reconnected(
    client: HubClient, hub: Hub, commands: list[SenseCommand], data: bytes
) -> None:
    client.start()
    client.send_mood(mood(1), changed=True)
    line = hub.greet()
    line.raw(data)
    again = hub.greet()
    assert again.moods(1) == [(1, 1)]
    again.say(SetSwitch(Switch.PAUSE, on=True))
    until(lambda: commands == [SetSwitch(Switch.PAUSE, on=True)])


def test_a_client_that_never_found_a_hub_stops_at_once(client: HubClient) -> None:
    client.start()
    time.sleep(0.1)
    begun = time.monotonic()
    client.stop()
    assert time.monotonic() - begun < 1
    client.send_mood(mood(1), changed=True)  # the thread may still be in its last iteration
