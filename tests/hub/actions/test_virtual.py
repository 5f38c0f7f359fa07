"""The virtual lamp and player, and a message through the hub's broker."""

import logging
from typing import Any

import pytest

from device.errors import ActionError
from device.hub.actions.mqtt_publish import MqttMessage
from device.hub.actions.virtual import VirtualLamp, VirtualPlayer
from device.settings.actions.mqtt_publish import Publish
from device.settings.actions.virtual import Lamp, Player
from tests.hub.actions.peers import WHY
from tests.hub.hub_running import run


def test_the_lamp_and_the_player_report_each_state(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    states: list[dict[str, Any]] = []

    async def story() -> None:
        lamp, player = VirtualLamp(states.append), VirtualPlayer(states.append)
        (dark,) = await lamp.capture_state(Lamp())
        (silence,) = await player.capture_state(Player("calm"))
        await lamp.run(Lamp("#FFB46B", 40), WHY)
        await lamp.run(Lamp("#ffb46b", 0), WHY)
        await player.run(Player("calm", 30), WHY)
        await lamp.restore(dark)
        await player.restore(silence)

    run(story())
    assert states == [
        {"on": True, "colour": "#ffb46b", "brightness": 40},
        {"on": False, "colour": "#ffb46b", "brightness": 0},
        {"playing": True, "playlist": "calm", "volume": 30},
        {"on": False, "colour": "#000000", "brightness": 0},
        {"playing": False, "playlist": "", "volume": 0},
    ]
    for line in ("lamp   #ffb46b at 40 %", "player calm at 30 %", "player off"):
        assert line in caplog.text


def test_a_message_goes_to_the_broker_or_fails_without_one() -> None:
    class Broker:
        def __init__(self) -> None:
            self.heard: list[tuple[str, str, bool]] = []

        async def publish(self, topic: str, payload: str, *, retain: bool = False) -> None:
            if topic == "away":
                raise ActionError("mqtt: away was not sent, the broker is away")
            self.heard.append((topic, payload, retain))

    async def story() -> None:
        broker: Any = Broker()
        message = MqttMessage(broker)
        with pytest.raises(ActionError, match="the broker is away"):
            await message.run(Publish("away", "b"), WHY)
        assert message.state() == {}
        await message.run(Publish("a", "b", retain=True), WHY)
        assert broker.heard == [("a", "b", True)]
        assert message.state() == {"topic": "a", "payload": "b"}
        with pytest.raises(ActionError, match=r"a was not sent, no broker is configured; set mqtt\.host"):
            await MqttMessage(None).run(Publish("a", "b"), WHY)

    run(story())
