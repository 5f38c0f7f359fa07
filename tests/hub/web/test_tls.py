"""TLS for the network: who gets it, stalled handshakes, and certificates that are wrong or renewed."""

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
from device.hub.web.limits import WebLimits
from device.settings.schema import Settings
from tests.hub.conftest import Certificates
from tests.hub.hub_running import run, running, until
from tests.hub.web.builders import (
    EVERYWHERE,
    ask,
    format_request,
    get_port,
    log_in,
    network_origin,
    open_to_network,
    own_address,
    parse_status,
    send_raw,
)

# -- TLS


def with_tls(settings: Settings, certificate: Path, key: Path) -> Settings:
    kiosk = msgspec.structs.replace(settings.kiosk, certificate_file=str(certificate), key_file=str(key))
    return msgspec.structs.replace(settings, kiosk=kiosk)


def trusting(ca: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(ca))


def test_the_network_gets_tls_and_loopback_does_not(house: Settings, short: Path, certificates: Certificates) -> None:
    address = own_address()

    async def story(listen: str) -> None:
        async with running(
            with_tls(open_to_network(house, short, listen), certificates.server, certificates.server)
        ) as hub:
            assert (await ask("GET", hub.page + "api/state"))[0] == 200
            assert "Strict-Transport-Security" not in (await ask("GET", hub.page))[2]
            there, context = network_origin(hub, "https"), trusting(certificates.ca)
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
                {"ssl": trusting(certificates.stranger), "server_hostname": "localhost"},
                {"ssl": context, "server_hostname": "broker.example"},
            ):
                with pytest.raises((aiohttp.ClientSSLError, aiohttp.ClientConnectionError)):
                    await ask("GET", there + "/login", **bad)
            sent = format_request("/login", f"{address}:{get_port(hub)}")
            assert parse_status(await send_raw(address, get_port(hub), sent)) == 0, "nothing is said in plain"
            assert (await ask("GET", there + "/login", **known))[0] == 200

    for listen in (EVERYWHERE, address, "::"):
        run(story(listen))


def test_a_client_that_stalls_in_the_tls_handshake_is_disconnected(
    house: Settings, short: Path, certificates: Certificates
) -> None:
    settings = with_tls(open_to_network(house, short), certificates.server, certificates.server)
    limits = WebLimits(handshake_timeout_s=0.5, max_per_address=1)

    async def story() -> None:
        async with running(settings, limits=limits) as hub:
            for sent in (b"", b"\x16\x03\x01\x02\x00"):
                began_s = time.monotonic()
                assert await send_raw(own_address(), get_port(hub), sent) == b""
                assert 0.3 < time.monotonic() - began_s < 3
            known: dict[str, Any] = {"ssl": trusting(certificates.ca), "server_hostname": "localhost"}
            assert (await ask("GET", network_origin(hub, "https") + "/login", **known))[0] == 200, (
                "its place is free again"
            )

    run(story())


def test_unusable_certificate_files_are_reported_at_startup(
    house: Settings, short: Path, certificates: Certificates
) -> None:
    nonsense, locked, missing = short / "nonsense.pem", short / "locked.pem", short / "missing.pem"
    nonsense.write_text("nonsense")
    encrypt = [
        "openssl",
        "pkey",
        "-in",
        str(certificates.server),
        "-aes256",
        "-passout",
        "pass:secret",
        "-out",
        str(locked),
    ]
    subprocess.run(encrypt, check=True, capture_output=True, timeout=20)

    async def story(certificate: Path, key: Path) -> None:
        async with running(with_tls(open_to_network(house, short), certificate, key)):
            pass

    for certificate, key, said in (
        (missing, certificates.server, "kiosk.certificate_file: .*missing.pem cannot be read"),
        (certificates.server, missing, "kiosk.key_file: .*missing.pem cannot be read"),
        (nonsense, nonsense, "cannot be used together"),
        (certificates.server, certificates.client, "cannot be used together"),
        (certificates.server, locked, "cannot be used together"),
    ):
        with pytest.raises(MienError, match=said):
            run(story(certificate, key))


def test_a_renewed_certificate_is_used_without_a_restart(
    house: Settings, short: Path, certificates: Certificates
) -> None:
    shown, key = short / "shown.pem", short / "key.pem"
    shutil.copy(certificates.elsewhere, shown)
    shutil.copy(certificates.elsewhere, key)

    async def story() -> None:
        async with running(
            with_tls(open_to_network(house, short), shown, key), limits=WebLimits(reload_interval_s=0.05)
        ) as hub:

            async def trusted(name: str = "localhost") -> bool:
                known: dict[str, Any] = {"ssl": trusting(certificates.ca), "server_hostname": name}
                try:
                    return (await ask("GET", network_origin(hub, "https") + "/login", **known))[0] == 200
                except aiohttp.ClientConnectionError:
                    return False

            assert not await trusted()
            shown.write_text("half a file")
            await asyncio.sleep(0.2)
            assert await trusted("broker.example"), "the former one is still shown"
            shutil.copy(certificates.server, shown)
            await asyncio.sleep(0.2)
            assert await trusted("broker.example"), "half of a pair is not used"
            shutil.copy(certificates.server, key)
            await until(trusted)

    run(story())
