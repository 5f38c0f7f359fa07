"""The hub's end of the socket to sense."""

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as effort
from hypothesis import strategies as st

from device.errors import LinkError
from device.hub.ipc.sense_server import SenseServer
from device.ipc import messages
from device.ipc.messages import Ack, Beat, Hello, MoodUpdate, SenseMessage
from device.settings import locations
from device.settings.schema import Settings
from tests.hub.hub_running import HELLO, WELL, Sense, mood, run, running, state, until


class Recorder:
    """Records what a SenseServer passes to its hub."""

    def __init__(self, folder: Path) -> None:
        self.messages_received: list[SenseMessage] = []
        self.disconnects: list[str] = []
        self.server = SenseServer(folder, self._on_message, self._on_disconnect)

    async def _on_message(self, message: SenseMessage) -> None:
        self.messages_received.append(message)

    async def _on_disconnect(self, why: str) -> None:
        self.disconnects.append(why)


@contextlib.asynccontextmanager
async def running_server(folder: Path) -> AsyncIterator[Recorder]:
    recorder = Recorder(folder)
    await recorder.server.open()
    try:
        yield recorder
    finally:
        await recorder.server.close()


async def connect(folder: Path) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_unix_connection(str(locations.socket_path(folder)))
    writer.write(messages.encode(HELLO))
    return reader, writer


def test_folder_and_socket_are_private(short: Path) -> None:
    async def story() -> None:
        async with running_server(short / "run"):
            assert (short / "run").stat().st_mode & 0o777 == 0o700
            assert locations.socket_path(short / "run").stat().st_mode & 0o777 == 0o660
        assert not locations.socket_path(short / "run").exists()

    run(story())


def test_a_stale_socket_is_replaced(short: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(locations.socket_path(short)))

    async def story() -> None:
        async with running_server(short) as recorder:
            await connect(short)
            await until(lambda: recorder.messages_received)

    run(story())


def test_a_running_hub_is_not_replaced(short: Path) -> None:
    async def story() -> None:
        async with running_server(short) as recorder:
            with pytest.raises(LinkError, match="another hub is running"):
                await Recorder(short).server.open()
            await connect(short)
            await until(lambda: recorder.messages_received)

    run(story())


def test_a_file_in_place_of_the_socket_is_left_alone(short: Path) -> None:
    path = locations.socket_path(short)
    path.write_text("mine")

    async def story() -> None:
        with pytest.raises(LinkError, match="is not a socket"):
            await Recorder(short).server.open()

    run(story())
    assert path.read_text() == "mine"


def test_a_folder_that_cannot_be_created_is_a_clear_error(short: Path) -> None:
    (short / "file").write_text("")

    async def story() -> None:
        with pytest.raises(LinkError, match=r"home\.runtime_dir"):
            await Recorder(short / "file" / "run").server.open()

    run(story())


def test_a_second_sense_is_refused_and_the_first_stays(short: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        async with running_server(short) as recorder:
            _, first = await connect(short)
            await until(lambda: recorder.messages_received)
            reader, _ = await connect(short)
            async with asyncio.timeout(2):
                with contextlib.suppress(ConnectionResetError):
                    assert await reader.read() == b""
            first.write(messages.encode(WELL))
            await until(lambda: WELL in recorder.messages_received)
            assert recorder.disconnects == []
            first.close()
            await until(lambda: recorder.disconnects == ["it closed the connection"])
            await connect(short)
            await until(lambda: len([m for m in recorder.messages_received if isinstance(m, Hello)]) == 2)

    run(story())
    assert "it was refused" in caplog.text


def test_heartbeats_are_sent_and_silence_is_noticed(short: Path) -> None:
    async def story() -> None:
        async with running_server(short) as recorder:
            start_s = time.monotonic()
            reader, _ = await connect(short)
            async with asyncio.timeout(2):
                first = messages.decode_hub_message(await reader.readline())
                second = messages.decode_hub_message(await reader.readline())
            assert first == second == Beat()
            assert time.monotonic() - start_s < 2 * messages.HEARTBEAT_S
            await until(lambda: recorder.disconnects == ["no message for 1.5 s"], 3)
            assert messages.PEER_TIMEOUT_S <= time.monotonic() - start_s < 2.0 + 0.3

    run(story())


def test_a_partial_line_does_not_count_as_a_message(short: Path) -> None:
    async def story() -> None:
        async with running_server(short) as recorder:
            _, writer = await connect(short)
            for _ in range(12):
                writer.write(b" ")
                await asyncio.sleep(0.2)
            await until(lambda: recorder.disconnects == ["no message for 1.5 s"], 1)

    run(story())


def test_a_sense_that_does_not_read_cannot_block_the_hub(short: Path) -> None:
    async def flood(server: SenseServer) -> None:
        for seq in range(200_000):
            await server.send(Ack("x" * 1000, seq))

    async def story() -> None:
        async with running_server(short) as recorder:
            _, writer = await connect(short)
            await until(lambda: recorder.messages_received)
            beating = asyncio.create_task(keep_beating(writer))
            with pytest.raises(LinkError, match="does not read"):
                await flood(recorder.server)
            await until(lambda: recorder.disconnects)
            beating.cancel()

    async def keep_beating(writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(messages.encode(WELL))
            await asyncio.sleep(0.1)

    run(story())


def test_sending_without_a_sense_is_an_error(short: Path) -> None:
    async def story() -> None:
        async with running_server(short) as recorder:
            with pytest.raises(LinkError, match="sense is away"):
                await recorder.server.send(Beat())

    run(story())


def encode_mood(**fields: object) -> bytes:
    """A mood that decodes but is impossible."""
    update = MoodUpdate("s1", 1, msgspec.structs.replace(mood(), **{k: v for k, v in fields.items() if k != "seq"}))
    seq = fields.get("seq", 1)
    assert isinstance(seq, int)
    return messages.encode(msgspec.structs.replace(update, seq=seq))


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(b"\n", id="empty"),
        pytest.param(b"x" * 40_000 + b"\n", id="oversize"),
        pytest.param(b"x" * 40_000, id="oversize without an end"),
        pytest.param(b'{"type":"beat"}\n', id="of the other side"),
        pytest.param(b"[" * 16_000 + b"\n", id="deep"),
        pytest.param(b"\xff\xfe\n", id="no utf-8"),
        pytest.param(encode_mood(probabilities=(0.5,)), id="too few probabilities"),
        pytest.param(encode_mood(confidence=1.5), id="too sure"),
        pytest.param(encode_mood(valence=7.0), id="valence"),
        pytest.param(encode_mood(people=2**70), id="people"),
        pytest.param(encode_mood(seq=2**70), id="seq"),
        pytest.param(encode_mood(seq=-1), id="seq below 0"),
    ],
)
def test_a_bad_line_closes_with_one_warning(short: Path, line: bytes, caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        async with running_server(short) as recorder:
            reader, writer = await connect(short)
            await until(lambda: recorder.messages_received)
            writer.write(line)
            async with asyncio.timeout(1):
                with contextlib.suppress(ConnectionResetError):
                    while await reader.read(999):
                        pass
            await until(lambda: recorder.disconnects)
            await connect(short)
            await until(lambda: len(recorder.messages_received) == 2)

    run(story())
    warnings = [r for r in caplog.records if r.levelname != "DEBUG"]
    assert len(warnings) == 1
    assert warnings[0].exc_info is None
    assert "sense sent" in warnings[0].getMessage()


def test_a_message_before_the_hello_is_refused(short: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        async with running_server(short) as recorder:
            reader, writer = await asyncio.open_unix_connection(str(locations.socket_path(short)))
            writer.write(messages.encode(WELL))
            async with asyncio.timeout(1):
                with contextlib.suppress(ConnectionResetError):
                    while await reader.read(999):
                        pass
            assert recorder.messages_received == []
            assert recorder.disconnects == []

    run(story())
    assert "not with a Hello" in caplog.text


JSONS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
KINDS = st.sampled_from(["hello", "mood", "health", "ack", "command", "x"])
BROKEN = st.builds(
    lambda kind, rest: msgspec.json.encode({**rest, "type": kind}), KINDS, st.dictionaries(st.text(), JSONS)
)
CUT = st.builds(lambda n: messages.encode(MoodUpdate("s1", 1, mood()))[:n], st.integers(1, 500))


def test_no_line_kills_the_hub(house: Settings, caplog: pytest.LogCaptureFixture) -> None:
    lines: list[bytes] = []

    @effort(max_examples=400, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
    @given(st.binary(max_size=200) | JSONS.map(msgspec.json.encode) | BROKEN | CUT)
    def collect(line: bytes) -> None:
        lines.append(line.replace(b"\n", b" ") + b"\n")

    collect()

    async def story() -> None:
        async with running(house) as hub:
            for number, line in enumerate(lines):
                reader, writer = await connect(house.runtime_dir)
                writer.write(line if number % 2 else line[:-1])
                writer.write_eof()
                async with asyncio.timeout(2):
                    with contextlib.suppress(ConnectionResetError):
                        while await reader.read(9999):
                            pass
                writer.close()
            async with Sense(house) as sense:
                seq = sense.change(mood())
                await until(lambda: sense.last_ack() == seq)
                assert (await state(hub))["sense"]["available"] is True

    run(story(), 90)
    assert len(lines) >= 200
    assert not [r for r in caplog.records if r.exc_info]
