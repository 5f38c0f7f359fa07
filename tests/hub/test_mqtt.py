"""Against a real Mosquitto: what is retained, what is not, and a broker that dies."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import time
from pathlib import Path

import aiomqtt
import msgspec
import pytest

from device.destinations import Publish
from device.emotions import Emotion
from device.errors import ActionError, LinkError
from device.hub import mqtt as mqtt_module
from device.hub.actions import Occasion
from device.hub.actions.mqtt import MqttMessage
from device.hub.features import Wish
from device.hub.history_reading import read
from device.hub.mqtt import Mqtt
from device.hub.mqtt_commands import MOST_COMMANDS, Commands
from device.hub.service import Hub
from device.hub.state import Snapshot
from device.link import ClearBaseline, Command, Neutral, Order, RecordBaseline, SetHold
from device.rule import Rule
from device.settings import Settings
from tests.hub.conftest import Broker, Papers, free_port
from tests.hub.helpers import Sense, Subscriber, door_is, hub_process, mood, run, running, state, until, with_broker


def test_state_and_availability_are_retained_and_events_are_not(house: Settings, broker: Broker) -> None:
    async def story() -> None:
        async with running(with_broker(house, broker.port)) as hub:
            await until(lambda: hub.board.now.mqtt == "")
            subscriber = Subscriber(broker.port)
            await subscriber.ready.wait()
            async with Sense(house) as sense:
                sense.change(mood(Emotion.SAD, people=2))
                await until(lambda: subscriber.last().get("mood") == "sad")
                await until(lambda: subscriber.of("mien/test/event"))
                await until(lambda: (hub.board.now.delay_s or 9) < 2)
                assert 0 < (await state(hub))["delay_s"] < 2
                kept = await asyncio.to_thread(broker.retained, "mien/test/state")
                assert await asyncio.to_thread(broker.retained, "mien/test/availability") == "online"
                assert await asyncio.to_thread(broker.retained, "mien/test/event", 1) is None
            document = json.loads(kept or "")
            assert (document["mood"], document["confidence"], document["people"]) == ("sad", 0.71, 2)
            assert (document["presence"], document["camera"], document["paused"]) == ("ON", "ON", "OFF")
            assert document["face"] == {"emotion": "sad", "confidence": 0.64}
            assert document["probabilities"]["sad"] == 0.71
            assert document["sense"] == "available"
            event = json.loads(subscriber.of("mien/test/event")[0])
            assert event["event_type"] == "sad"
            assert event["time"].endswith("+00:00")
            # The sense has left: said at once, with no mood.
            left_s = time.monotonic()
            await until(lambda: subscriber.last().get("sense") == "away")
            assert time.monotonic() - left_s < 2
            assert subscriber.last()["mood"] is None
            assert "sense is away" in str(subscriber.last()["problem"])
            await subscriber.stop()
        assert broker.retained("mien/test/availability") == "offline", "a clean stop says so"

    run(story())


def test_refreshes_are_published_at_most_twice_a_second_and_only_when_they_differ(
    house: Settings, broker: Broker
) -> None:
    async def story() -> None:
        async with running(with_broker(house, broker.port)) as hub, Sense(house) as sense:
            await until(lambda: hub.board.now.mqtt == "" and hub.board.now.health)
            sense.change(mood(Emotion.HAPPY, 0.8))
            await asyncio.sleep(1.2)
            subscriber = Subscriber(broker.port)
            await subscriber.ready.wait()
            await asyncio.sleep(0.3)
            subscriber.got.clear()
            for _ in range(20):
                sense.change(mood(Emotion.HAPPY, 0.8004), seq=0)
                await asyncio.sleep(0.05)
            assert subscriber.of("mien/test/state") == [], "the same, when rounded"
            for step in range(40):
                sense.change(mood(Emotion.HAPPY, 0.5 + step / 100), seq=0)
                await asyncio.sleep(0.05)
            await until(lambda: subscriber.last().get("confidence") == 0.89)
            times = [t for t, topic, _, _ in subscriber.got if topic == "mien/test/state"]
            assert 2 <= len(times) <= 6
            assert all(later - first > 0.85 for first, later in zip(times, times[2:], strict=False))
            await subscriber.stop()

    run(story())


def test_a_killed_broker_is_said_within_two_seconds_and_comes_back(house: Settings, broker: Broker) -> None:
    async def story() -> None:
        async with running(with_broker(house, broker.port)) as hub, Sense(house) as sense:
            await until(lambda: hub.board.now.mqtt == "")
            sense.change(mood(Emotion.SAD))
            await asyncio.to_thread(broker.kill)
            killed_s = time.monotonic()
            await until(lambda: hub.board.now.mqtt, 2)
            said = await state(hub)
            assert time.monotonic() - killed_s < 2
            assert said["mqtt"]["connected"] is False
            assert "is away" in said["mqtt"]["health"]
            assert said["mqtt"]["health"] in said["problems"]
            sense.change(mood(Emotion.HAPPY))
            sense.change(mood(Emotion.ANGRY))
            await until(lambda: sense.acked() == 3)
            await asyncio.to_thread(broker.start)
            back_s = time.monotonic()
            await until(lambda: hub.board.now.mqtt == "", 4)
            assert time.monotonic() - back_s < 3
            assert (await state(hub))["mqtt"] == {"configured": True, "connected": True, "health": ""}

            def newest() -> bool:
                kept = broker.retained("mien/test/state", 1)
                return bool(kept) and json.loads(kept or "{}")["mood"] == "angry"

            await until(lambda: asyncio.to_thread(newest))
            assert await asyncio.to_thread(broker.retained, "mien/test/availability") == "online"

    run(story())


def test_a_frozen_broker_is_noticed(house: Settings, broker: Broker) -> None:
    async def story() -> None:
        async with running(with_broker(house, broker.port)) as hub, Sense(house) as sense:
            await until(lambda: hub.board.now.mqtt == "")
            broker.freeze()
            sense.change(mood(Emotion.SAD))
            await until(lambda: hub.board.now.lamp["on"], 3)
            await until(lambda: "timed out" in (hub.board.now.mqtt or ""), 7)
            await asyncio.to_thread(broker.kill)
            await asyncio.to_thread(broker.start)
            await until(lambda: hub.board.now.mqtt == "", 8)

    run(story())


def test_a_stop_in_the_moment_the_broker_dies_is_still_a_stop(house: Settings, broker: Broker) -> None:
    async def story() -> None:
        for delay_s in (0.0, 0.001, 0.004, 0.02):
            async with running(with_broker(house, broker.port)) as hub:
                await until(lambda: hub.board.now.mqtt == "")
                await asyncio.to_thread(broker.kill)
                await asyncio.sleep(delay_s)
            await asyncio.to_thread(broker.start)

    run(story())


def test_the_hub_works_without_its_broker_from_the_start(house: Settings) -> None:
    async def story() -> None:
        async with running(with_broker(house, free_port())) as hub, Sense(house) as sense:
            seq = sense.change(mood(Emotion.SAD))
            await until(lambda: sense.acked() == seq)
            await until(lambda: hub.board.now.lamp.get("colour") == "#ffb46b")
            assert "is away" in (hub.board.now.mqtt or "")

    run(story())


def test_the_last_will_speaks_for_a_killed_hub(house: Settings, broker: Broker, short: Path) -> None:
    hub = hub_process(house, short, broker.port)
    try:

        async def story() -> None:
            await until(lambda: door_is(house), 15)
            async with Sense(house) as sense:
                seq = sense.change(mood())
                await until(lambda: sense.acked() == seq)

                def online() -> bool:
                    return broker.retained("mien/test/availability", 1) == "online"

                await until(lambda: asyncio.to_thread(online))
                os.kill(hub.pid, signal.SIGKILL)
                await until(lambda: asyncio.to_thread(lambda: not online()), 5)

        run(story())
        assert broker.retained("mien/test/availability") == "offline"
    finally:
        hub.kill()
        hub.communicate(timeout=5)


def test_a_rule_publishes_and_a_failure_is_remembered(house: Settings, broker: Broker) -> None:
    rule = Rule(
        "plug", (Emotion.SAD,), (Publish("zigbee2mqtt/lamp/set", '{"state":"ON"}', retain=True),), 0, cooldown_s=0
    )
    mine = msgspec.structs.replace(with_broker(house, broker.port), rules=(rule,))

    def kept() -> bool:
        return broker.retained("zigbee2mqtt/lamp/set", 1) == '{"state":"ON"}'

    async def story() -> None:
        async with running(mine) as hub, Sense(mine) as sense:
            await until(lambda: hub.board.now.mqtt == "")
            sense.change(mood(Emotion.SAD))
            await until(lambda: asyncio.to_thread(kept))
            await until(lambda: results(mine) == ["done"])
            await asyncio.to_thread(broker.kill)
            await until(lambda: hub.board.now.mqtt)
            sense.change(mood(Emotion.HAPPY))
            sense.change(mood(Emotion.SAD))
            await until(lambda: results(mine)[1:] == ["mqtt: zigbee2mqtt/lamp/set was not sent, the broker is away"])

    run(story())


def results(settings: Settings) -> list[str | None]:
    return [e.result for e in read(settings.state_dir) if e.kind == "action"]


def test_without_a_broker_a_message_says_what_to_do() -> None:
    async def story() -> None:
        with pytest.raises(ActionError, match=r"set mqtt\.host"):
            await MqttMessage(None).run(Publish("a", "b"), Occasion("r", "why", 0.0))
        assert MqttMessage(None).state() == {}

    run(story())


def test_a_missing_password_file_is_a_health_text(house: Settings, short: Path) -> None:
    async def story() -> None:
        told: list[str] = []
        lacking = with_broker(house, free_port(), username="me", password_file=str(short / "none"))
        mqtt = Mqtt(lacking.mqtt, "test", told.append)
        task = asyncio.create_task(mqtt.run())
        await until(lambda: told)
        assert "No such file" in told[0]
        assert not mqtt.connected
        task.cancel()
        await asyncio.wait([task])

    run(story())


# -- commands


async def say(port: int, *messages: tuple[str, str | bytes], retain: bool = False) -> None:
    """Publish below mien/test/, one after the other."""
    async with aiomqtt.Client("127.0.0.1", port) as client:
        for topic, payload in messages:
            await client.publish(f"mien/test/{topic}", payload, qos=1, retain=retain)


class Obedient(Sense):
    """A sense that does what it is told, and shows it in its health."""

    async def obey(self) -> None:
        done = 0
        while True:
            for order in self.told[done:]:
                done += 1
                match order:
                    case Command(Order.CAMERA, on):
                        self.health = msgspec.structs.replace(self.health, camera_on=on)
                    case Command(Order.MICROPHONE, on):
                        self.health = msgspec.structs.replace(self.health, microphone_on=on)
                    case Command(Order.PAUSE, on):
                        self.health = msgspec.structs.replace(self.health, paused=on)
                    case SetHold(hold_s):
                        self.health = msgspec.structs.replace(self.health, hold_s=hold_s)
                    case RecordBaseline():
                        self.health = msgspec.structs.replace(self.health, baseline=Neutral(2e9))
                    case ClearBaseline():
                        self.health = msgspec.structs.replace(self.health, baseline=None)
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_every_command_makes_its_round(house: Settings, broker: Broker, version: str) -> None:
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
        async with running(mine) as hub, Obedient(mine) as sense:
            obeying = asyncio.create_task(sense.obey())
            sense.health = msgspec.structs.replace(sense.health, baseline=Neutral(1e9), hold_s=3.0)
            await until(lambda: hub.board.now.mqtt == "" and hub.board.now.health == sense.health)
            listener = Subscriber(broker.port)
            await until(lambda: listener.last().get("baseline"))
            assert listener.last()["profile"] == "everyday"
            for key, payload, field, wanted in rounds:
                await say(broker.port, (f"{key}/set", payload))
                await until(lambda: listener.last().get(field, "none") == wanted, 4)  # noqa: B023
            await listener.stop()
            obeying.cancel()
        async with running(mine) as hub:
            assert hub.board.now.profile == "quiet", "kept over a restart"

    run(story())


def test_malicious_messages_are_ignored_said_once_and_counted(
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
            await until(lambda: hub.board.now.mqtt == "" and hub.board.now.health)
            await say(broker.port, *bad)
            await say(broker.port, ("camera/set", "OFF"), ("pause/set", "ON"), retain=True)
            await until(lambda: rejected(hub) == len(bad))
            # A message that is too large does not even come, and ends no connection.
            await say(broker.port, ("camera/set", "x" * 200_000))
            await asyncio.sleep(0.5)
            assert not [m for m in sense.told if isinstance(m, Command)][2:]
            await say(broker.port, *[("microphone/set", "ON")] * 60)
            await until(lambda: rejected(hub) >= len(bad) + 40)
            assert hub.board.now.mqtt == ""
            assert len([m for m in sense.told if isinstance(m, Command)]) <= 2 + MOST_COMMANDS
            hub.board.change(mqtt="")
            sense.change(mood(Emotion.SAD))
            await until(lambda: hub.board.now.lamp["on"])
        async with running(with_broker(house, broker.port)) as hub, Sense(house, "s2") as sense:
            await until(lambda: hub.board.now.mqtt == "" and hub.board.now.health)
            await until(lambda: rejected(hub) == 2)
            assert not [m for m in sense.told if isinstance(m, Command)], "what the broker has kept is not obeyed"

    run(story())
    said = [r.getMessage() for r in caplog.records if r.getMessage().startswith("MQTT: ignored")]
    assert len(said) == len({line.split(":")[2][:12] for line in said}), said
    assert 3 <= len(said) <= 5
    assert not [r for r in caplog.records if r.exc_info]


def rejected(hub: Hub) -> float:
    return float(hub.counters._rejected._value.get())


def test_each_kind_of_nonsense_is_said_once_a_minute_with_how_many_there_were(
    caplog: pytest.LogCaptureFixture,
) -> None:
    now_s, counted, wishes = 0.0, 0, list[Wish]()

    async def obey(wish: Wish) -> None:
        wishes.append(wish)
        if wish == Command(Order.PAUSE, on=True):
            raise LinkError("sense is away")

    def count() -> None:
        nonlocal counted
        counted += 1

    async def story() -> None:
        nonlocal now_s
        commands = Commands(lambda: Snapshot("test"), obey, count, lambda: now_s)
        for _ in range(3):
            await commands.take("camera", b"maybe")
        now_s = 61.0
        await commands.take("camera", b"maybe")
        await commands.take("camera", b"ON", retained=True)
        await commands.take("camera", None)
        await commands.take("camera", b"x" * 4097)
        await commands.take("pause", b"ON")
        for _ in range(40):
            await commands.take("camera", b"ON")
        now_s = 72.0
        await commands.take("camera", b"OFF")

    run(story())
    assert counted == 4 + 3 + 22
    assert wishes[0] == Command(Order.PAUSE, on=True)
    assert wishes[1:] == [Command(Order.CAMERA, on=True)] * 18 + [Command(Order.CAMERA, on=False)]
    lines = [r.getMessage() for r in caplog.records]
    assert [line for line in lines if "maybe" in line and "2 of that kind before" in line]
    assert [line for line in lines if "pause: nothing was done: sense is away" in line]
    assert len(lines) == 6, lines


# -- discovery


def test_discovery_is_published_before_online_and_what_is_gone_is_removed(house: Settings, broker: Broker) -> None:
    topic = "homeassistant/device/mien_test/config"
    path = house.state_dir / "discovery.json"

    async def story() -> None:
        listener = Subscriber(broker.port)
        await listener.ready.wait()

        def gone() -> bool:
            return listener.of("mien/test/availability")[-1:] == ["offline"]

        mine = with_broker(house, broker.port)
        async with running(mine) as hub:
            await until(lambda: hub.board.now.mqtt == "")
        await until(gone)
        order = [t for _, t, _, _ in listener.got if t.endswith(("config", "availability"))]
        assert order == [topic, "mien/test/availability", "mien/test/availability"]
        document = json.loads(listener.of(topic)[0])
        assert document["cmps"]["mood"]["p"] == "sensor"
        kept_there = await asyncio.to_thread(broker.retained, topic)
        assert json.loads(kept_there or "") == document
        # A version that had one part more has run here before.
        kept = json.loads(path.read_text())
        kept["document"]["cmps"]["smell"] = {"p": "sensor", "uniq_id": "mien_test_smell"}
        path.write_text(json.dumps(kept))
        listener.got.clear()
        async with running(mine) as hub:
            await until(lambda: hub.board.now.mqtt == "")
        await until(gone)
        first, second = (json.loads(payload) for payload in listener.of(topic))
        assert first["cmps"]["smell"] == {"p": "sensor"}
        assert second == document
        # Not to be shown any more.
        listener.got.clear()
        async with running(with_broker(house, broker.port, discovery=False)) as hub:
            await until(lambda: hub.board.now.mqtt == "")
        await until(gone)
        assert listener.of(topic) == [""]
        assert await asyncio.to_thread(broker.retained, topic, 1) is None
        await listener.stop()

    run(story())


def test_a_home_assistant_that_starts_is_told_again(
    house: Settings, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mqtt_module, "BIRTH_S", (0.3, 0.4))
    topic = "ha/device/mien_test/config"

    async def story() -> None:
        async with running(with_broker(house, broker.port, discovery_prefix="ha")) as hub, Sense(house):
            await until(lambda: hub.board.now.mqtt == "" and hub.board.now.available)
            listener = Subscriber(broker.port)
            await listener.ready.wait()
            await asyncio.sleep(1.5)
            listener.got.clear()
            async with aiomqtt.Client("127.0.0.1", broker.port) as client:
                await client.publish("ha/status", "offline", qos=1)
                await client.publish("ha/status", "online", qos=1, retain=True)
                born_s = time.monotonic()
                await until(lambda: listener.of(topic) and listener.of("mien/test/state"))
                said = [(at, t) for at, t, _, _ in listener.got if t in (topic, "mien/test/state")]
                assert [t for _, t in said] == [topic, "mien/test/state"]
                assert said[0][0] - born_s >= 0.3
                for _ in range(20):  # somebody says it again and again
                    await client.publish("ha/status", "online", qos=1)
                await asyncio.sleep(1.0)
                assert len(listener.of(topic)) == 1
            await listener.stop()
        listener = Subscriber(broker.port)
        await listener.ready.wait()
        async with running(with_broker(house, broker.port, discovery_prefix="ha")) as hub:
            await until(lambda: hub.board.now.mqtt == "")
            await asyncio.sleep(0.8)
            fresh = [t for _, t, _, kept in listener.got if t == topic and not kept]
            assert len(fresh) == 1, "a status that was kept is no birth"
        await listener.stop()

    run(story())


def test_a_damaged_note_of_what_was_published_is_no_end(house: Settings, broker: Broker) -> None:
    async def story() -> None:
        house.state_dir.mkdir()
        (house.state_dir / "discovery.json").write_bytes(b"\xff{")
        (house.state_dir / "discovery.partial").mkdir()  # nor can it be written
        async with running(with_broker(house, broker.port)) as hub:
            await until(lambda: hub.board.now.mqtt == "")

    run(story())


# -- TLS


def options(papers: Papers, certificate: Path, *more: str) -> tuple[str, ...]:
    return (f"cafile {papers.ca}", f"certfile {certificate}", f"keyfile {certificate}", *more)


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_a_broker_with_the_right_certificate_is_spoken_to(
    house: Settings, broker: Broker, papers: Papers, version: str
) -> None:
    broker.kill()
    broker.start(*options(papers, papers.server))
    mine = with_broker(house, broker.port, tls=True, ca_file=str(papers.ca), version=version)

    async def story() -> None:
        async with running(mine) as hub, Sense(mine) as sense:
            await until(lambda: hub.board.now.mqtt == "")
            sense.change(mood())
            await until(lambda: hub.board.now.delay_s)

    run(story())


@pytest.mark.parametrize("fault", ["another authority", "another name", "nobody we trust"])
def test_a_broker_with_a_wrong_certificate_is_sent_nothing(
    house: Settings, broker: Broker, papers: Papers, fault: str, tmp_path: Path
) -> None:
    broker.kill()
    broker.start(*options(papers, papers.elsewhere if fault == "another name" else papers.server))
    secret = tmp_path / "password"
    secret.write_text("not for everybody")
    ca_file = {"another authority": str(papers.stranger), "another name": str(papers.ca)}.get(fault, "")
    more = {"username": "me", "password_file": str(secret), "ca_file": ca_file}
    mine = with_broker(house, broker.port, tls=True, **more)

    async def story() -> None:
        async with running(mine) as hub:
            said = await until(lambda: "certificate" in (hub.board.now.mqtt or "") and hub.board.now.mqtt)
            wanted = "for another name" if fault == "another name" else "not trusted"
            assert wanted in said, said
            assert "nothing was sent" in said
            assert ("mqtt.host" if fault == "another name" else "mqtt.ca_file") in said
            await asyncio.sleep(0.7)
            assert hub.board.now.mqtt, "tried again, and refused again"

    run(story())


def test_a_broker_that_asks_for_our_certificate_gets_it(house: Settings, broker: Broker, papers: Papers) -> None:
    broker.kill()
    broker.start(*options(papers, papers.server, "require_certificate true"))
    trusting = {"tls": True, "ca_file": str(papers.ca)}
    ours = {"certificate_file": str(papers.client), "key_file": str(papers.client)}
    wrong = {"certificate_file": str(papers.stranger), "key_file": str(papers.stranger)}

    async def story() -> None:
        async with running(with_broker(house, broker.port, **trusting, **ours)) as hub:
            await until(lambda: hub.board.now.mqtt == "")
        for lacking in ({}, wrong):
            async with running(with_broker(house, broker.port, **trusting, **lacking)) as hub:
                said = await until(lambda: "is away" in (hub.board.now.mqtt or "") and hub.board.now.mqtt)
                wanted = "one that it trusts?" if lacking else "does it ask for one?"
                assert wanted in said, said

    run(story())


def test_files_that_are_no_use_are_named(house: Settings, broker: Broker, papers: Papers, tmp_path: Path) -> None:
    junk = tmp_path / "junk.pem"
    junk.write_text("nothing")

    async def story() -> None:
        for more, key in (
            ({"ca_file": str(tmp_path / "gone.pem")}, "mqtt.ca_file"),
            ({"ca_file": str(junk)}, "mqtt.ca_file"),
            ({"certificate_file": str(junk), "key_file": str(junk)}, "mqtt.certificate_file"),
        ):
            async with running(with_broker(house, broker.port, tls=True, **more)) as hub:
                said = await until(lambda: "cannot be used" in (hub.board.now.mqtt or "") and hub.board.now.mqtt)
                assert key in said

    run(story())


def test_a_broker_that_refuses_us_says_what_to_set(house: Settings, broker: Broker, tmp_path: Path) -> None:
    passwords = tmp_path / "passwords"
    passwords.write_text("")
    subprocess.run(["mosquitto_passwd", "-b", str(passwords), "mien", "right"], check=True, capture_output=True)
    passwords.chmod(0o644)
    broker.kill()
    broker.start("allow_anonymous false", f"password_file {passwords}")
    secret = tmp_path / "secret"
    secret.write_text("wrong\n")

    async def story() -> None:
        mine = with_broker(house, broker.port, username="mien", password_file=str(secret))
        async with running(mine) as hub:
            said = await until(lambda: "refused us" in (hub.board.now.mqtt or "") and hub.board.now.mqtt)
            assert "set mqtt.username and password_file" in said
            secret.write_text("right\n")
            await until(lambda: hub.board.now.mqtt == "", 5)

    run(story())


class Deaf:
    """A client that loses a cancellation which comes with the broker's answer, as Python 3.11's wait_for does."""

    async def publish(self, *_: object, **__: object) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(10)


def test_a_cancellation_that_came_with_an_answer_of_the_broker_still_ends_the_loop(house: Settings) -> None:
    async def story() -> None:
        mqtt = Mqtt(house.mqtt, "test", lambda _: None)
        mqtt.show({"mood": "sad"})
        task = asyncio.create_task(mqtt._show(Deaf()))  # type: ignore[arg-type]
        await asyncio.sleep(0.05)
        task.cancel()
        done, _ = await asyncio.wait([task], timeout=2)
        assert done
        assert task.cancelled()

    run(story())
