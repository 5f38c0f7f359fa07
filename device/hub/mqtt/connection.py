"""The connection to a broker as the settings want it: version, user, TLS, last will; and what its failure means."""

import logging
import ssl
from contextvars import ContextVar
from pathlib import Path

from aiomqtt import Client, MqttError, ProtocolVersion, Will
from aiomqtt.exceptions import MqttCodeError, MqttConnectError
from msgspec import Struct
from paho.mqtt.client import Client as PahoClient
from paho.mqtt.client import MQTTMessageInfo
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from device.errors import SettingsError
from device.settings import schema
from device.system.paths import expanded

_mid: ContextVar[int] = ContextVar("mid")
"""The message that this task published last."""


class RefusedError(MqttError):
    """The broker has acknowledged a message, and refused it."""


class AckCheckingClient(Client):
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


class AclRejections:
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


KEEPALIVE_S = 4
"""A frozen broker is noticed after twice that, a killed one at once."""
ANSWER_S = 4.0
"""The broker must acknowledge within this."""
MAX_PACKET = 8_192
"""Bytes that we are willing to receive at once; a broker of version 5 keeps longer ones to itself."""
_MAX_INCOMING = 64
_TAKEN_OVER = 142
"""MQTT 5, reason codes: "Session taken over". Mosquitto of Debian 12 ends the connection without a word."""

# A flood would be a flood of lines, and what ends a connection is said by the health.
_library_log = logging.getLogger("device.hub.mqtt.session.library")
_library_log.setLevel(logging.CRITICAL)


class Credentials(Struct, frozen=True):
    """What stands in files."""

    password: str | None
    tls: ssl.SSLContext | None


def load_credentials(broker: schema.Mqtt) -> Credentials:
    """Read the files, anew at each connect, so that a corrected one needs no restart. It blocks. Raises OSError."""
    password = None
    if broker.password_file:
        path = _file("password_file", broker.password_file)
        try:
            password = path.read_text(encoding="utf-8").strip()
        except UnicodeDecodeError as error:  # the text is not repeated: it may be a password
            raise OSError(f"mqtt.password_file: {path} is no text of UTF-8; correct it") from error
        except OSError as error:
            raise OSError(f"mqtt.password_file: {path} cannot be read ({error.strerror}); correct it") from error
    return Credentials(password, _tls(broker))


def build_client(broker: schema.Mqtt, credentials: Credentials, name: str, availability: str) -> AckCheckingClient:
    """A client that is not connected yet. `availability` is the topic of its last will."""
    five = broker.version == "5"
    limit = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    limit.MaximumPacketSize = MAX_PACKET
    return AckCheckingClient(
        broker.host,
        broker.port,
        username=broker.username or None,
        password=credentials.password,
        # Always the same: a broker that has not yet noticed the old connection's end replaces it, instead of
        # saying its last will after we came back.
        identifier=client_identifier(name),
        will=Will(availability, "offline", qos=1, retain=True),
        protocol=ProtocolVersion.V5 if five else ProtocolVersion.V311,
        properties=limit if five else None,
        tls_context=credentials.tls,
        keepalive=KEEPALIVE_S,
        timeout=ANSWER_S,
        max_queued_incoming_messages=_MAX_INCOMING,
        logger=_library_log,
    )


def client_identifier(name: str) -> str:
    """What the Mien called `name` calls itself to a broker, which allows each only once."""
    return f"mien-{name}"


def is_session_taken_over(error: BaseException) -> bool:
    """Whether the connection ended because another client came that calls itself what we do."""
    inside = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
    code = error.rc if isinstance(error, MqttCodeError) else None
    said = isinstance(code, ReasonCode) and code.value == _TAKEN_OVER
    return said or any(is_session_taken_over(one) for one in (*inside, error.__cause__) if one)


def _tls(broker: schema.Mqtt) -> ssl.SSLContext | None:
    """The broker's certificate and its name are always checked; there is no setting that leaves it."""
    if not broker.tls:
        return None
    ca_file = _file("ca_file", broker.ca_file) if broker.ca_file else None
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        raise OSError(f"mqtt.ca_file {ca_file} cannot be used: {error}") from error
    if broker.certificate_file:
        ours, key = _file("certificate_file", broker.certificate_file), _file("key_file", broker.key_file)
        try:
            # Without a password here, OpenSSL would ask for one at the terminal, and wait for it.
            context.load_cert_chain(ours, key, password="")
        except (OSError, ValueError) as error:
            hint = "" if isinstance(error, FileNotFoundError | PermissionError) else "; a key may have no password"
            raise OSError(f"mqtt.certificate_file {ours} and key_file {key} cannot be used: {error}{hint}") from error
    return context


def _file(key: str, path: str) -> Path:
    try:
        return expanded(path)
    except SettingsError as error:
        raise OSError(f"mqtt.{key}: {error}") from error


def describe_error(error: BaseException, broker: schema.Mqtt) -> str:
    """Why there is no connection, and what to do about it, for a person."""
    text = str(error)
    if "CERTIFICATE_VERIFY_FAILED" in text:
        why = text.partition("certificate verify failed: ")[2].partition(" (_ssl")[0] or text
        if "mismatch" in text:
            return f"its certificate is for another name, nothing was sent ({why}); set mqtt.host to that name"
        return f"its certificate is not trusted, nothing was sent ({why}); set mqtt.ca_file to who vouches for it"
    if isinstance(error, MqttConnectError):
        hints = {"authorized": "username and password_file", "user name": "username and password_file"}
        hints |= {"protocol version": "version"}
        hint = next((f"; set mqtt.{keys}" for word, keys in hints.items() if word in text.lower()), "")
        return f"it refused us: {text}{hint}"
    if broker.tls and "time" in text.lower():
        # With TLS 1.3, a broker that does not like our certificate just leaves.
        doubt = "is mqtt.certificate_file one that it trusts" if broker.certificate_file else "does it ask for one"
        return f"{text}; if it checks our certificate: {doubt}? See mqtt.certificate_file and key_file"
    if isinstance(error, MqttError) and error.__cause__:
        # What the broker said at the end, if it did, stands behind what the library was doing.
        return f"the connection ended: {error.__cause__}"
    return text or type(error).__name__
