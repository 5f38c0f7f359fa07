"""The connection to hub, over a real socket to a hub played by the test."""

import threading
import time

from device.ipc.messages import (
    Beat,
    ClearBaseline,
    Health,
    MoodUpdate,
    SenseCommand,
    SetHold,
    SetSwitch,
    Switch,
    encode,
)
from device.sense.hub_client import HubClient
from tests.sense.fake_hub import HELLO, SESSION, Hub, mood
from tests.sense.waits import until


def test_the_first_message_is_the_hello(client: HubClient, hub: Hub) -> None:
    client.send_mood(mood(1), changed=True)
    client.start()
    line = hub.accept()
    assert line.next() == HELLO
    assert line.moods(1) == [(1, 1)]


def test_changes_are_numbered_and_sent_at_once(client: HubClient, hub: Hub) -> None:
    client.start()
    line = hub.greet()
    for people in (3, 1, 2):
        begun = time.monotonic()
        client.send_mood(mood(people), changed=True)
        assert line.moods(1)[0][1] == people
        assert time.monotonic() - begun < 0.4  # without waiting for the next heartbeat
    client.send_mood(mood(5), changed=True)
    assert line.moods(1) == [(4, 5)]


def test_sense_counts_as_connected_only_when_hub_has_answered(client: HubClient, hub: Hub) -> None:
    client.start()
    line = hub.accept()
    assert line.next() == HELLO
    assert not client.connected
    line.say(Beat())
    until(lambda: client.connected)


def test_only_the_newest_refresh_and_health_are_sent(client: HubClient, hub: Hub) -> None:
    for people in range(1, 6):
        client.send_mood(mood(people), changed=False)
        client.send_health(Health({}, camera_on=True, microphone_on=True, paused=False, lost_changes=people))
    client.start()
    line = hub.greet()
    update = line.next_of(MoodUpdate)
    assert (update.seq, update.mood.people) == (0, 5)
    assert line.next_of(Health).lost_changes == 5
    client.send_mood(mood(9), changed=True)
    assert line.next() == MoodUpdate(SESSION, 1, mood(9))


def test_commands_arrive_in_order_even_in_pieces(client: HubClient, hub: Hub, commands: list[SenseCommand]) -> None:
    client.start()
    line = hub.greet()
    sent: list[SenseCommand] = [
        SetSwitch(Switch.CAMERA, on=False),
        SetHold(1.5),
        ClearBaseline(),
        SetSwitch(Switch.PAUSE, on=True),
    ]
    data = b"".join(encode(command) for command in sent)
    line.raw(data[:20])
    time.sleep(0.05)
    line.raw(data[20:])
    until(lambda: commands == sent)


def test_sending_never_blocks_even_if_nobody_reads(client: HubClient, hub: Hub) -> None:
    client.start()
    line = hub.greet()
    begun = time.monotonic()
    for people in range(3000):
        client.send_mood(mood(people), changed=True)
        client.send_health(Health({}, camera_on=True, microphone_on=True, paused=False))
    assert time.monotonic() - begun < 2
    line.close()


def test_stop_sends_what_is_pending_and_ends_the_thread(client: HubClient, hub: Hub) -> None:
    client.start()
    line = hub.greet()
    until(lambda: client.connected)
    client.send_mood(mood(7), changed=True)
    client.stop()
    assert line.moods(1) == [(1, 7)]
    assert line.ended()
    assert "hub-client" not in {thread.name for thread in threading.enumerate()}
