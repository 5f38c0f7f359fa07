"""A client for the broker as the settings describe it (version, user, TLS, last will), and what its errors mean."""

import logging
import ssl
from contextvars import ContextVar
from pathlib import Path

from aiomqtt import Client, MqttError, ProtocolVersion, Will
from aiomqtt.exceptions import MqttCodeError, MqttConnectError
from paho.mqtt.client import Client as PahoClient
from paho.mqtt.client import MQTTMessageInfo
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from device.errors import SettingsError
from device.settings import schema
from device.system.paths import expand
from device.system.secrets import read_secret_file

_mid: ContextVar[int] = ContextVar("mid")
"""The id of the message that this task published last."""


class RefusedError(MqttError):
    """The broker has acknowledged a message but does not pass it on."""


class CarefulClient(Client):
    """A client that trusts the broker less than aiomqtt does.

    Its `publish` also raises RefusedError, because aiomqtt ignores the reason codes of acknowledgements. And it ends
    the connection before it reads a packet that is too large; MQTT 3.1.1 cannot ask the broker to send none.
    """

    def __init__(self, hostname: str, port: int, **more: object) -> None:
        super().__init__(hostname, port, **more)  # type: ignore[arg-type]
        self._refused: dict[int, str] = {}
        self.cut_off = ""
        """Why this client has ended the connection; empty if it has not."""
        publish = self._client.publish

        def publish_and_note_id(*args: object, **kwargs: object) -> MQTTMessageInfo:
            info = publish(*args, **kwargs)  # type: ignore[arg-type]
            _mid.set(info.mid)
            self._refused.pop(info.mid, None)  # left over from an earlier message with this id
            return info

        self._client.publish = publish_and_note_id  # type: ignore[method-assign]
        self._receive = self._client._sock_recv  # noqa: SLF001 - paho has no limit for what it receives
        self._client._sock_recv = self._receive_within_limits  # type: ignore[method-assign] # noqa: SLF001

    async def publish(self, /, topic: str, *args: object, **kwargs: object) -> None:
        """As in aiomqtt. Raises RefusedError if the broker does not pass the message on."""
        await super().publish(topic, *args, **kwargs)  # type: ignore[arg-type]
        if why := self._refused.pop(_mid.get(), None):
            raise RefusedError(why)

    def _receive_within_limits(self, bufsize: int) -> bytes:
        """Receive for paho, which asks for the whole rest of a packet at once. Raises ConnectionError over a limit."""
        if bufsize > MAX_PACKET:
            self.cut_off = (
                f"it sent a packet of {bufsize:,} bytes, and {MAX_PACKET:,} are allowed; find a retained message of "
                "that size with mosquitto_sub --retained-only and remove it with mosquitto_pub -r -n"
            )
        # Nobody subscribed with QoS 2, whose messages have to be kept until the broker releases them.
        elif bufsize > 1 and self._client._in_packet["command"] & _KIND_AND_QOS == _PUBLISH_QOS_2:  # noqa: SLF001
            self.cut_off = "it sent a message of QoS 2, which nobody has asked for"
        if self.cut_off:
            raise ConnectionError(self.cut_off)
        return self._receive(bufsize)

    def _on_publish(
        self, client: PahoClient, userdata: object, mid: int, reason_code: ReasonCode, properties: Properties
    ) -> None:
        if reason_code.is_failure:
            self._refused[mid] = str(reason_code)
        super()._on_publish(client, userdata, mid, reason_code, properties)


MAX_PACKET = 65_536
"""Bytes that follow a packet's header. The largest that concerns us is a command of 4,096 bytes with its topic."""
_KIND_AND_QOS, _PUBLISH_QOS_2 = 0xF6, 0x34
ANSWER_S = 4.0
"""The broker must acknowledge within this."""
_TAKEN_OVER = 142
"""MQTT 5, reason codes: "Session taken over". Mosquitto in Debian 12 disconnects without a reason."""

# The library would log a line for each message of a flood. The health reports why a connection ended.
_library_log = logging.getLogger("device.hub.mqtt.session.library")
_library_log.setLevel(logging.CRITICAL)


Credentials = tuple[str | None, ssl.SSLContext | None]
"""The password and the certificates, which the settings keep in files of their own."""


def load_credentials(broker: schema.Mqtt) -> Credentials:
    """Read the files at each connect, so that a corrected file needs no restart. Blocks. Raises SettingsError."""
    password = None
    if broker.password_file:
        path = _expand("password_file", broker.password_file)
        try:
            password = read_secret_file(path)
        except OSError as error:
            raise SettingsError(f"mqtt.password_file: {path} cannot be read ({error.strerror}); correct it") from error
    return password, _build_tls_context(broker) if broker.tls else None


def build_client(broker: schema.Mqtt, credentials: Credentials, name: str, availability: str) -> CarefulClient:
    """A client, not connected yet. `availability` is the topic of its last will."""
    password, tls = credentials
    is_version_5 = broker.version == "5"
    limit = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    limit.MaximumPacketSize = 8_192  # bytes; an MQTT 5 broker does not send larger packets
    return CarefulClient(
        broker.host,
        broker.port,
        username=broker.username or None,
        password=password,
        # Always the same id: a broker that has not noticed the end of the old connection replaces it, instead of
        # publishing its last will after we have come back.
        identifier=get_client_id(name),
        will=Will(availability, "offline", qos=1, retain=True),
        protocol=ProtocolVersion.V5 if is_version_5 else ProtocolVersion.V311,
        properties=limit if is_version_5 else None,
        tls_context=tls,
        keepalive=4,  # seconds: a frozen broker is noticed after twice this, a killed one at once
        timeout=ANSWER_S,
        max_queued_incoming_messages=64,
        logger=_library_log,
    )


def get_client_id(name: str) -> str:
    """The MQTT client id of the Mien called `name`. A broker accepts each id only once."""
    return f"mien-{name}"


def is_session_taken_over(error: BaseException) -> bool:
    """Whether the connection ended because another client with our id connected."""
    members = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
    code = error.rc if isinstance(error, MqttCodeError) else None
    if isinstance(code, ReasonCode) and code.value == _TAKEN_OVER:
        return True
    return any(is_session_taken_over(inner) for inner in (*members, error.__cause__) if inner)


def _build_tls_context(broker: schema.Mqtt) -> ssl.SSLContext:
    """The broker's certificate and its name are always verified; no setting turns that off."""
    ca_file = _expand("ca_file", broker.ca_file) if broker.ca_file else None
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        raise SettingsError(f"mqtt.ca_file {ca_file} cannot be used: {error}") from error
    if broker.certificate_file:
        certificate, key = _expand("certificate_file", broker.certificate_file), _expand("key_file", broker.key_file)
        try:
            # Without a password here, OpenSSL would ask for one at the terminal and wait.
            context.load_cert_chain(certificate, key, password="")
        except (OSError, ValueError) as error:
            hint = "" if isinstance(error, FileNotFoundError | PermissionError) else "; a key may have no password"
            raise SettingsError(
                f"mqtt.certificate_file {certificate} and key_file {key} cannot be used: {error}{hint}"
            ) from error
    return context


def _expand(key: str, path: str) -> Path:
    try:
        return expand(path)
    except SettingsError as error:
        raise SettingsError(f"mqtt.{key}: {error}") from error


def describe_error(error: BaseException, broker: schema.Mqtt) -> str:
    """Why there is no connection and what to do about it, for a person."""
    text = str(error)
    if "CERTIFICATE_VERIFY_FAILED" in text:
        why = text.partition("certificate verify failed: ")[2].partition(" (_ssl")[0] or text
        if "mismatch" in text:
            return f"its certificate is for another name, nothing was sent ({why}); set mqtt.host to that name"
        return f"its certificate is not trusted, nothing was sent ({why}); set mqtt.ca_file to the CA that signed it"
    if isinstance(error, MqttConnectError):
        hints = {"authorized": "username and password_file", "user name": "username and password_file"}
        hints |= {"protocol version": "version"}
        hint = next((f"; set mqtt.{keys}" for word, keys in hints.items() if word in text.lower()), "")
        return f"it refused us: {text}{hint}"
    if broker.tls and "time" in text.lower():
        # With TLS 1.3, a broker that rejects our certificate just disconnects.
        doubt = "does it trust mqtt.certificate_file" if broker.certificate_file else "does it ask for one"
        return f"{text}; if it checks our certificate: {doubt}? See mqtt.certificate_file and key_file"
    if isinstance(error, MqttError) and error.__cause__:
        # The cause is the broker's own reason, if it gave one; the error itself is what the library was doing.
        return f"the connection ended: {error.__cause__}"
    return text or type(error).__name__
