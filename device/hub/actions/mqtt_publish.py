"""A message to the MQTT broker: Zigbee2MQTT, WLED and others listen there."""

from typing import Any

from device.errors import ActionError
from device.hub.actions.base import Destination, LastState, Resources, Trigger
from device.hub.mqtt.session import MqttSession
from device.settings.actions.mqtt_publish import Publish


def build(resources: Resources) -> dict[type[Any], Destination[Any]]:
    """Always available; without a broker, each action fails with a message."""
    return {Publish: MqttMessage(resources.mqtt)}


class MqttMessage(LastState):
    """Publishes through the hub's own connection."""

    def __init__(self, mqtt: MqttSession | None) -> None:
        self._mqtt = mqtt

    async def run(self, action: Publish, _trigger: Trigger) -> None:
        """Returns when the broker has acknowledged it (QoS 1). Raises ActionError."""
        if self._mqtt is None:
            raise ActionError(f"mqtt: {action.topic} was not sent, no broker is configured; set mqtt.host")
        await self._mqtt.publish(action.topic, action.payload, retain=action.retain)
        self._state = {"topic": action.topic, "payload": action.payload}
