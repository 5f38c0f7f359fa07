"""What a broker takes and then does not pass on: its access list has no line for us, and only MQTT 5 says so."""

from contextvars import ContextVar

from aiomqtt import Client, MqttError
from paho.mqtt.client import Client as PahoClient
from paho.mqtt.client import MQTTMessageInfo
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

_mid: ContextVar[int] = ContextVar("mid")
"""The message that this task published last."""


class RefusedError(MqttError):
    """The broker has acknowledged a message, and refused it."""


class TellingClient(Client):
    """A client whose `publish` raises RefusedError, too: aiomqtt lets the reason codes of acknowledgements go."""

    def __init__(self, hostname: str, port: int, **more: object) -> None:
        super().__init__(hostname, port, **more)  # type: ignore[arg-type]
        self._refused: dict[int, str] = {}
        send = self._client.publish

        def sent(*args: object, **kwargs: object) -> MQTTMessageInfo:
            info = send(*args, **kwargs)  # type: ignore[arg-type]
            _mid.set(info.mid)
            self._refused.pop(info.mid, None)  # of the message that had this number before
            return info

        self._client.publish = sent  # type: ignore[method-assign]

    async def publish(self, /, topic: str, *args: object, **kwargs: object) -> None:
        """As aiomqtt's. Raises RefusedError where the broker does not pass it on."""
        await super().publish(topic, *args, **kwargs)  # type: ignore[arg-type]
        if why := self._refused.pop(_mid.get(), None):
            raise RefusedError(why)

    def _on_publish(
        self, client: PahoClient, userdata: object, mid: int, reason_code: ReasonCode, properties: Properties
    ) -> None:
        if reason_code.is_failure:
            self._refused[mid] = str(reason_code)
        super()._on_publish(client, userdata, mid, reason_code, properties)


class Refusals:
    """Of one connection: which of our own topics the broker refuses, for the health."""

    def __init__(self) -> None:
        self._topics: dict[str, str] = {}

    def note(self, topic: str, why: str) -> bool:
        """What became of `topic`, `why` being empty where it went well. Whether that is news."""
        before = dict(self._topics)
        if why:
            self._topics[topic] = why
        else:
            self._topics.pop(topic, None)
        return before != self._topics

    def text(self, client: str) -> str:
        """Empty when all went well; else what to do about it."""
        if not self._topics:
            return ""
        listed = ", ".join(f"{topic} ({why})" for topic, why in self._topics.items())
        return f"it refuses {client} these: {listed}; allow them in the broker's access list"
