"""TLS is for the house: who gets it, who is cut off, and certificates that are wrong or renewed."""

import asyncio
import shutil
import ssl
import subprocess
import time
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from device.errors import MienError
from device.hub.web import server
from device.hub.web.transport import connections
from device.settings.schema import Settings
from tests.hub.conftest import Papers
from tests.hub.hub_running import run, running, until
from tests.hub.web.builders import (
    EVERYWHERE,
    ask,
    from_house,
    get,
    log_in,
    opened,
    own_address,
    port_of,
    raw,
    status_of,
)

# -- TLS


def with_tls(settings: Settings, certificate: Path, key: Path) -> Settings:
    kiosk = msgspec.structs.replace(settings.kiosk, certificate_file=str(certificate), key_file=str(key))
    return msgspec.structs.replace(settings, kiosk=kiosk)


def trusting(ca: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(ca))


def test_tls_is_for_the_house_and_loopback_stays_plain(house: Settings, short: Path, papers: Papers) -> None:
    address = own_address()

    async def story(listen: str) -> None:
        async with running(with_tls(opened(house, short, listen), papers.server, papers.server)) as hub:
            assert (await ask("GET", hub.page + "api/state"))[0] == 200
            assert "Strict-Transport-Security" not in (await ask("GET", hub.page))[2]
            there, context = from_house(hub, "https"), trusting(papers.ca)
            known: dict[str, Any] = {"ssl": context, "server_hostname": "localhost"}
            status, _, headers = await ask("GET", there + "/login", **known)
            assert status == 200
            assert "Strict-Transport-Security" not in headers, "other services of this name may be plain"
            status, _, headers = await ask("GET", there + "/login", headers={"Host": address}, **known)
            assert headers["Strict-Transport-Security"].startswith("max-age=")
            cookie = await log_in(there, **known)
            assert cookie.startswith("__Host-mien=")
            assert (await ask("GET", there + "/api/state", headers={"Cookie": cookie}, **known))[0] == 200
            plain = cookie.replace("__Host-", "")
            assert (await ask("GET", there + "/api/state", headers={"Cookie": plain}, **known))[0] == 401
            for bad in (
                {"ssl": trusting(papers.stranger), "server_hostname": "localhost"},
                {"ssl": context, "server_hostname": "broker.example"},
            ):
                with pytest.raises((aiohttp.ClientSSLError, aiohttp.ClientConnectionError)):
                    await ask("GET", there + "/login", **bad)
            sent = get("/login", f"{address}:{port_of(hub)}")
            assert status_of(await raw(address, port_of(hub), sent)) == 0, "nothing is said in plain"
            assert (await ask("GET", there + "/login", **known))[0] == 200

    for listen in (EVERYWHERE, address, "::"):
        run(story(listen))


def test_who_begins_tls_and_says_nothing_is_cut_off(
    house: Settings, short: Path, papers: Papers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "HANDSHAKE_S", 0.5)
    monkeypatch.setattr(connections, "MAX_EACH", 1)

    async def story() -> None:
        async with running(with_tls(opened(house, short), papers.server, papers.server)) as hub:
            for sent in (b"", b"\x16\x03\x01\x02\x00"):
                began_s = time.monotonic()
                assert await raw(own_address(), port_of(hub), sent) == b""
                assert 0.3 < time.monotonic() - began_s < 3
            known: dict[str, Any] = {"ssl": trusting(papers.ca), "server_hostname": "localhost"}
            assert (await ask("GET", from_house(hub, "https") + "/login", **known))[0] == 200, "its place is free again"

    run(story())


def test_certificate_files_that_cannot_be_used_are_said_at_the_start(
    house: Settings, short: Path, papers: Papers
) -> None:
    nonsense, locked, missing = short / "nonsense.pem", short / "locked.pem", short / "missing.pem"
    nonsense.write_text("nonsense")
    encrypt = ["openssl", "pkey", "-in", str(papers.server), "-aes256", "-passout", "pass:secret", "-out", str(locked)]
    subprocess.run(encrypt, check=True, capture_output=True, timeout=20)

    async def story(certificate: Path, key: Path) -> None:
        async with running(with_tls(opened(house, short), certificate, key)):
            pass

    for certificate, key, said in (
        (missing, papers.server, "kiosk.certificate_file: .*missing.pem cannot be read"),
        (papers.server, missing, "kiosk.key_file: .*missing.pem cannot be read"),
        (nonsense, nonsense, "no pair that can be used"),
        (papers.server, papers.client, "no pair that can be used"),
        (papers.server, locked, "no pair that can be used"),
    ):
        with pytest.raises(MienError, match=said):
            run(story(certificate, key))


def test_a_renewed_certificate_is_shown_without_a_restart(
    house: Settings, short: Path, papers: Papers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "LOOK_S", 0.05)
    shown, key = short / "shown.pem", short / "key.pem"
    shutil.copy(papers.elsewhere, shown)
    shutil.copy(papers.elsewhere, key)

    async def story() -> None:
        async with running(with_tls(opened(house, short), shown, key)) as hub:

            async def trusted(name: str = "localhost") -> bool:
                known: dict[str, Any] = {"ssl": trusting(papers.ca), "server_hostname": name}
                try:
                    return (await ask("GET", from_house(hub, "https") + "/login", **known))[0] == 200
                except aiohttp.ClientConnectionError:
                    return False

            assert not await trusted()
            shown.write_text("half a file")
            await asyncio.sleep(0.2)
            assert await trusted("broker.example"), "the former one is still shown"
            shutil.copy(papers.server, shown)
            await asyncio.sleep(0.2)
            assert await trusted("broker.example"), "half of a pair is not used"
            shutil.copy(papers.server, key)
            await until(trusted)

    run(story())
