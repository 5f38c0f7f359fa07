"""Mosquitto with certificates and passwords: what is accepted, and what an error says."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from device.settings.schema import Settings
from tests.commands.processes import get_children
from tests.hub.conftest import Broker, Certificates, free_port
from tests.hub.hub_running import Sense, mood, run, running, until, with_broker, write_settings


def build_options(certificates: Certificates, certificate: Path, *more: str) -> tuple[str, ...]:
    return (f"cafile {certificates.ca}", f"certfile {certificate}", f"keyfile {certificate}", *more)


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_a_broker_with_the_right_certificate_is_accepted(
    house: Settings, broker: Broker, certificates: Certificates, version: str
) -> None:
    broker.kill()
    broker.start(*build_options(certificates, certificates.server))
    mine = with_broker(house, broker.port, tls=True, ca_file=str(certificates.ca), version=version)

    async def story() -> None:
        async with running(mine) as hub, Sense(mine) as sense:
            await until(lambda: hub.store.now.mqtt == "")
            sense.change(mood())
            await until(lambda: hub.store.now.delay_s)

    run(story())


@pytest.mark.parametrize("fault", ["another authority", "another name", "nobody we trust"])
def test_a_broker_with_a_wrong_certificate_gets_nothing(
    house: Settings, broker: Broker, certificates: Certificates, fault: str, tmp_path: Path
) -> None:
    broker.kill()
    broker.start(
        *build_options(certificates, certificates.elsewhere if fault == "another name" else certificates.server)
    )
    secret = tmp_path / "password"
    secret.write_text("not for everybody")
    ca_file = {"another authority": str(certificates.stranger), "another name": str(certificates.ca)}.get(fault, "")
    more = {"username": "me", "password_file": str(secret), "ca_file": ca_file}
    mine = with_broker(house, broker.port, tls=True, **more)

    async def story() -> None:
        async with running(mine) as hub:
            problem = await until(lambda: "certificate" in (hub.store.now.mqtt or "") and hub.store.now.mqtt)
            wanted = "for another name" if fault == "another name" else "not trusted"
            assert wanted in problem, problem
            assert "nothing was sent" in problem
            assert ("mqtt.host" if fault == "another name" else "mqtt.ca_file") in problem
            await asyncio.sleep(0.7)
            assert hub.store.now.mqtt, "retried and refused again"

    run(story())


def test_a_broker_that_asks_for_our_certificate_gets_it(
    house: Settings, broker: Broker, certificates: Certificates
) -> None:
    broker.kill()
    broker.start(*build_options(certificates, certificates.server, "require_certificate true"))
    trusting = {"tls": True, "ca_file": str(certificates.ca)}
    ours = {"certificate_file": str(certificates.client), "key_file": str(certificates.client)}
    wrong = {"certificate_file": str(certificates.stranger), "key_file": str(certificates.stranger)}

    async def story() -> None:
        async with running(with_broker(house, broker.port, **trusting, **ours)) as hub:
            await until(lambda: hub.store.now.mqtt == "")
        for lacking in ({}, wrong):
            async with running(with_broker(house, broker.port, **trusting, **lacking)) as hub:
                problem = await until(lambda: "is away" in (hub.store.now.mqtt or "") and hub.store.now.mqtt)
                wanted = "does it trust mqtt.certificate_file?" if lacking else "does it ask for one?"
                assert wanted in problem, problem

    run(story())


def test_unusable_files_are_named(house: Settings, broker: Broker, certificates: Certificates, tmp_path: Path) -> None:
    junk = tmp_path / "junk.pem"
    junk.write_text("nothing")

    async def story() -> None:
        for more, key in (
            ({"ca_file": str(tmp_path / "gone.pem")}, "mqtt.ca_file"),
            ({"ca_file": str(junk)}, "mqtt.ca_file"),
            ({"certificate_file": str(junk), "key_file": str(junk)}, "mqtt.certificate_file"),
        ):
            async with running(with_broker(house, broker.port, tls=True, **more)) as hub:
                problem = await until(lambda: "cannot be used" in (hub.store.now.mqtt or "") and hub.store.now.mqtt)
                assert key in problem

    run(story())


@pytest.fixture
def locked(tmp_path: Path) -> Path:
    """A certificate with a key that has a passphrase."""
    path = tmp_path / "locked.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-days", "2"]
    out = ["-passout", "pass:abcd", "-keyout", str(path), "-out", str(tmp_path / "certificate"), "-subj", "/CN=x"]
    subprocess.run([*command, *out], check=True, capture_output=True, timeout=20)
    path.write_text(path.read_text() + (tmp_path / "certificate").read_text())
    return path


def test_a_key_with_a_passphrase_is_reported_without_a_prompt(house: Settings, locked: Path, short: Path) -> None:
    """In a terminal, OpenSSL would prompt for it, and the hub would wait."""
    path = short / "mien.toml"
    write_settings(house, path, free_port())
    with path.open("a") as file:
        file.write(f'tls = true\ncertificate_file = "{locked}"\nkey_file = "{locked}"\n')
    in_terminal = [sys.executable, "-c", "import pty, sys; pty.spawn(sys.argv[1:])", sys.executable, "-m", "device.cli"]
    terminal = subprocess.Popen(
        [*in_terminal, "hub", "--settings", str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    problem = ""
    try:
        assert terminal.stdout
        while "a key may have no password" not in problem and "pass phrase" not in problem:
            letter = terminal.stdout.read(1)  # a prompt has no end of line
            assert letter, problem
            problem += letter
        (hub,) = get_children(terminal.pid)
        os.kill(hub, signal.SIGTERM)
        problem += terminal.communicate(timeout=5)[0]
    finally:
        for child in get_children(terminal.pid):
            os.kill(child, signal.SIGKILL)
        terminal.kill()
        terminal.communicate(timeout=5)
    assert "pass phrase" not in problem
    assert "mqtt.certificate_file" in problem


@pytest.mark.parametrize("key", ["password_file", "ca_file", "certificate_file", "key_file"])
def test_a_file_in_the_home_of_an_unknown_user_is_named(
    house: Settings, broker: Broker, certificates: Certificates, key: str
) -> None:
    good = {name: str(certificates.client) for name in ("password_file", "certificate_file", "key_file")}
    more = {"username": "me", "ca_file": str(certificates.ca), **good, key: "~nobody_here/x"}

    async def story() -> None:
        async with running(with_broker(house, broker.port, tls=True, **more)) as hub:
            problem = await until(lambda: "no user nobody_here" in (hub.store.now.mqtt or "") and hub.store.now.mqtt)
            assert f"mqtt.{key}: ~nobody_here/x" in problem

    run(story())


def test_a_password_that_is_not_text_is_reported_but_not_quoted(
    house: Settings, broker: Broker, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"hidden\xff")

    async def story() -> None:
        async with running(with_broker(house, broker.port, username="me", password_file=str(secret))) as hub:
            problem = await until(lambda: "not UTF-8 text" in (hub.store.now.mqtt or "") and hub.store.now.mqtt)
            assert f"mqtt.password_file: {secret}" in problem
            assert "hidden" not in problem

    run(story())


def test_a_broker_that_refuses_us_says_what_to_set(house: Settings, broker: Broker, tmp_path: Path) -> None:
    passwords = tmp_path / "passwords"
    passwords.write_text("")
    subprocess.run(["mosquitto_passwd", "-b", str(passwords), "mien", "right"], check=True, capture_output=True)
    passwords.chmod(0o644)
    broker.kill()
    broker.start("allow_anonymous false", f"password_file {passwords}")
    secret = tmp_path / "secret"
    secret.write_text("wrong\n")

    async def story() -> None:
        mine = with_broker(house, broker.port, username="mien", password_file=str(secret))
        async with running(mine) as hub:
            problem = await until(lambda: "refused us" in (hub.store.now.mqtt or "") and hub.store.now.mqtt)
            assert "set mqtt.username and password_file" in problem
            secret.write_text("right\n")
            await until(lambda: hub.store.now.mqtt == "", 5)

    run(story())
