"""Pairing with a Hue bridge: its button, its certificate, and the key file."""

import asyncio
import hashlib
import json
import ssl
from pathlib import Path
from typing import Any

import pytest

from device.errors import ActionError
from device.hub.actions.hue.pairing import pair, write_key
from tests.hub.actions.hue_bridge import KEY, Bridge
from tests.hub.actions.hue_setup import Certificates
from tests.hub.actions.peers import Clock, busy, dropping, json_response, raw
from tests.hub.hub_running import run

# -- pairing


def test_pairing_waits_for_the_button_and_pins_the_certificate(certificates: Certificates, tmp_path: Path) -> None:
    async def story() -> None:
        async with Bridge(certificates[0]) as bridge:
            waited = 0

            async def sleep(seconds: float) -> None:
                nonlocal waited
                waited += 1
                bridge.pressed = waited == 3
                if waited == 2:
                    bridge.faults = [busy(503)]

            key = await pair("127.0.0.1", bridge.port, sleep=sleep)
            der = ssl.PEM_cert_to_DER_cert(
                await asyncio.to_thread(ssl.get_server_certificate, ("127.0.0.1", bridge.port))
            )
            assert (key.application_key, key.certificate_sha256) == (KEY, hashlib.sha256(der).hexdigest())
            assert bridge.asked_to_pair == 3
            path = tmp_path / "new" / "hue.json"
            write_key(path, key)
            assert json.loads(path.read_text()) == {
                "application_key": KEY,
                "certificate_sha256": key.certificate_sha256,
            }
            assert path.stat().st_mode & 0o777 == 0o600
            (tmp_path / "plain").mkdir()
            assert path.parent.stat().st_mode == (tmp_path / "plain").stat().st_mode, "the settings may be in it, too"
            assert [one.name for one in path.parent.iterdir()] == ["hue.json"]

    run(story())


def test_pairing_ends_if_nobody_presses_the_button(certificates: Certificates, clock: Clock) -> None:
    async def story() -> None:
        async with Bridge(certificates[0]) as bridge:
            with pytest.raises(
                ActionError, match=r"not paired within 30 s, and nothing was written: its button was not"
            ):
                await pair("127.0.0.1", bridge.port, sleep=clock.sleep)
            assert bridge.asked_to_pair == 30
            assert sum(clock.slept_s) == 30

    run(story())


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ([{"error": {"type": 7, "description": "invalid\nvalue"}}], "refused to pair: invalid value"),
        ([{"error": {"type": 7}}], "refused to pair: no reason given"),
        ([], "refused to pair: neither a key nor an error"),
        ([{"success": {"username": "two\nlines"}}], "not understood"),
        ([{"success": {"username": 5}}], "not understood"),
        ({"success": {}}, "not understood"),
    ],
)
def test_a_bridge_that_refuses_to_pair_is_reported(certificates: Certificates, answer: Any, message: str) -> None:
    async def story() -> None:
        async with Bridge(certificates[0]) as bridge:
            bridge.faults = [json_response(answer)]
            with pytest.raises(ActionError, match=message):
                await pair("127.0.0.1", bridge.port)

    run(story())


def test_pairing_with_a_wrong_address_is_reported() -> None:
    async def story() -> None:
        with pytest.raises(ActionError, match=r"cannot be reached on port 70000"):
            await pair("127.0.0.1", 70_000)
        async with raw(dropping) as (port, _):
            with pytest.raises(ActionError, match=rf"Hue bridge 127\.0\.0\.1: cannot be reached on port {port}"):
                await pair("127.0.0.1", port)

    run(story())


def test_a_key_that_cannot_be_written_is_reported(tmp_path: Path) -> None:
    from device.hub.actions.hue.bridge import Key

    (tmp_path / "file").write_text("")
    with pytest.raises(ActionError, match="the key cannot be written"):
        write_key(tmp_path / "file" / "hue.json", Key(KEY, "ab" * 32))
    (tmp_path / "folder").mkdir()
    with pytest.raises(ActionError, match="the key cannot be written") as caught:
        write_key(tmp_path / "folder", Key(KEY, "ab" * 32))
    assert KEY not in str(caught.value)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["file", "folder"]
