"""A message to the MQTT broker."""

from typing import Annotated

from msgspec import Meta

from device.settings.actions.base import Action


class Publish(Action, frozen=True, tag="mqtt"):
    """Publish a message, for example to Zigbee2MQTT or WLED."""

    target = None
    restorable = False
    needs = ("mqtt.host",)
    topic: Annotated[str, Meta(min_length=1, max_length=500, pattern=r"^[^#+\x00-\x1f]+\Z")]
    payload: str
    retain: bool = False

    @property
    def description(self) -> str:
        """`message to zigbee2mqtt/lamp/set`."""
        return f"message to {self.topic}"
