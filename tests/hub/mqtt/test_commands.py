"""Commands through a real Mosquitto: each makes a round trip, and malicious ones are ignored."""

import asyncio

import aiomqtt
import msgspec
import pytest

from device.emotions import Emotion
from device.errors import LinkError
from device.hub.hub import Hub
from device.hub.mqtt.commands import MAX_COMMANDS, CommandLimiter
from device.hub.state.features import Command
from device.hub.state.snapshot import Snapshot
from device.ipc.messages import ClearBaseline, RecordBaseline, SetHold, SetSwitch, Switch
from device.readings import Baseline
from device.settings.schema import Settings
from tests.hub.conftest import Broker
from tests.hub.hub_running import Sense, Subscriber, mood, run, running, until, with_broker


async def publish(port: int, *messages: tuple[str, str | bytes], retain: bool = False) -> None:
    """Publish messages below mien/test/, in order."""
    async with aiomqtt.Client("127.0.0.1", port) as client:
        for topic, payload in messages:
            await client.publish(f"mien/test/{topic}", payload, qos=1, retain=retain)


class ExecutingSense(Sense):
    """A sense that executes commands and shows their effect in its health."""

    async def execute(self) -> None:
        done = 0
        while True:
            for order in self.received[done:]:
                done += 1
                match order:
                    case SetSwitch(Switch.CAMERA, on):
                        self.health = msgspec.structs.replace(self.health, camera_on=on)
                    case SetSwitch(Switch.MICROPHONE, on):
                        self.health = msgspec.structs.replace(self.health, microphone_on=on)
                    case SetSwitch(Switch.PAUSE, on):
                        self.health = msgspec.structs.replace(self.health, paused=on)
                    case SetHold(hold_s):
                        self.health = msgspec.structs.replace(self.health, hold_s=hold_s)
                    case RecordBaseline():
                        self.health = msgspec.structs.replace(self.health, baseline=Baseline(2e9))
                    case ClearBaseline():
                        self.health = msgspec.structs.replace(self.health, baseline=None)
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_every_command_makes_a_round_trip(house: Settings, broker: Broker, version: str) -> None:
    home = msgspec.structs.replace(house.home, profiles=("everyday", "Late night"))
    mine = msgspec.structs.replace(with_broker(house, broker.port, version=version), home=home)
    rounds = [
        ("camera", "OFF", "camera", "OFF"),
        ("camera", "ON", "camera", "ON"),
        ("microphone", "OFF", "microphone", "OFF"),
        ("pause", "ON", "paused", "ON"),
        ("pause", "OFF", "paused", "OFF"),
        ("hold_s", "7.5", "hold_s", 7.5),
        ("profile", "Late night", "profile", "Late night"),
        ("profile", "quiet", "profile", "quiet"),
        ("record_neutral", "PRESS", "baseline", "2033-05-18T03:33:20.000+00:00"),
        ("recalibrate", "PRESS", "baseline", None),
    ]

    async def story() -> None:
        async with running(mine) as hub, ExecutingSense(mine) as sense:
            executing = asyncio.create_task(sense.execute())
            sense.health = msgspec.structs.replace(sense.health, baseline=Baseline(1e9), hold_s=3.0)
            await until(lambda: hub.store.now.mqtt == "" and hub.store.now.health == sense.health)
            listener = Subscriber(broker.port)
            await until(lambda: listener.last().get("baseline"))
            assert listener.last()["profile"] == "everyday"
            for key, payload, field, wanted in rounds:
                await publish(broker.port, (f"{key}/set", payload))
                await until(lambda: listener.last().get(field, "none") == wanted, 4)  # noqa: B023
            await listener.stop()
            executing.cancel()
        async with running(mine) as hub:
            assert hub.store.now.profile == "quiet", "saved over a restart"

    run(story())


def test_malicious_messages_are_ignored_logged_once_and_counted(
    house: Settings, broker: Broker, caplog: pytest.LogCaptureFixture
) -> None:
    bad: list[tuple[str, str | bytes]] = [
        ("camera/set", b"\xff\xfe\x00"),
        ("camera/set", "off"),
        ("hold_s/set", "1e300"),
        ("hold_s/set", "nan"),
        ("profile/set", "../../etc/passwd"),
        ("../set", "ON"),
        ("event/set", "PRESS"),
        ("nonsense/set", "{}" * 50),
        ("camera/set", "x" * 5_000),
        ("camera/set", "x" * 6_000),
    ]

    async def story() -> None:
        async with running(with_broker(house, broker.port)) as hub, Sense(house) as sense:
            await until(lambda: hub.store.now.mqtt == "" and hub.store.now.health)
            await publish(broker.port, *bad)
            await publish(broker.port, ("camera/set", "OFF"), ("pause/set", "ON"), retain=True)
            await until(lambda: count_rejected(hub) == len(bad))
            # A message that is too large never arrives, and the connection stays open.
            await publish(broker.port, ("camera/set", "x" * 200_000))
            await asyncio.sleep(0.5)
            assert not [m for m in sense.received if isinstance(m, SetSwitch)][2:]
            await publish(broker.port, *[("microphone/set", "ON")] * 60)
            await until(lambda: count_rejected(hub) >= len(bad) + 40)
            assert hub.store.now.mqtt == ""
            assert len([m for m in sense.received if isinstance(m, SetSwitch)]) <= 2 + MAX_COMMANDS
            hub.store.change(mqtt="")
            sense.change(mood(Emotion.SAD))
            await until(lambda: hub.store.now.lamp["on"])
        async with running(with_broker(house, broker.port)) as hub, Sense(house, "s2") as sense:
            await until(lambda: hub.store.now.mqtt == "" and hub.store.now.health)
            await until(lambda: count_rejected(hub) == 2)
            assert not [m for m in sense.received if isinstance(m, SetSwitch)], "retained commands are not executed"

    run(story())
    log_lines = [r.getMessage() for r in caplog.records if r.getMessage().startswith("MQTT: ignored")]
    assert len(log_lines) == len({line.split(":")[2][:12] for line in log_lines}), log_lines
    assert 3 <= len(log_lines) <= 5
    assert not [r for r in caplog.records if r.exc_info]


def count_rejected(hub: Hub) -> float:
    return float(hub.counters.rejected._value.get())


def test_each_kind_of_problem_is_logged_once_a_minute_with_a_count(
    caplog: pytest.LogCaptureFixture,
) -> None:
    now_s, counted, executed = 0.0, 0, list[Command]()

    async def execute(command: Command) -> None:
        executed.append(command)
        if command == SetSwitch(Switch.PAUSE, on=True):
            raise LinkError("sense is away")

    def count() -> None:
        nonlocal counted
        counted += 1

    async def story() -> None:
        nonlocal now_s
        commands = CommandLimiter(lambda: Snapshot("test"), execute, count, lambda: now_s)
        for _ in range(3):
            await commands.handle("camera", b"maybe")
        now_s = 61.0
        await commands.handle("camera", b"maybe")
        await commands.handle("camera", b"ON", is_retained=True)
        await commands.handle("camera", None)
        await commands.handle("camera", b"x" * 4097)
        await commands.handle("pause", b"ON")
        for _ in range(40):
            await commands.handle("camera", b"ON")
        now_s = 72.0
        await commands.handle("camera", b"OFF")

    run(story())
    assert counted == 4 + 3 + 22
    assert executed[0] == SetSwitch(Switch.PAUSE, on=True)
    assert executed[1:] == [SetSwitch(Switch.CAMERA, on=True)] * 18 + [SetSwitch(Switch.CAMERA, on=False)]
    lines = [r.getMessage() for r in caplog.records]
    assert [line for line in lines if "maybe" in line and "2 of that kind before" in line]
    assert [line for line in lines if "pause: nothing was done: sense is away" in line]
    assert len(lines) == 6, lines
