"""Certificates, a clock with seeded jitter, Home Assistant's token, and a real MPD."""

import random
import shutil
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hub.actions.home_assistant_setup import TOKEN
from tests.hub.actions.hue_bridge import certificate
from tests.hub.actions.mpd_setup import Daemon
from tests.hub.actions.peers import Clock


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """The bridge's, and that of an impostor."""
    if not shutil.which("openssl"):
        pytest.skip("openssl is not installed")
    folder: Path = tmp_path_factory.mktemp("certificates")
    return certificate(folder, "bridge"), certificate(folder, "impostor")


@pytest.fixture
def clock() -> Clock:
    random.seed(7)
    return Clock()


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text(f"{TOKEN}\n")
    return path


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    if not shutil.which("mpd"):
        pytest.skip("mpd is not installed")
    one = Daemon(tmp_path_factory.mktemp("mpd"))
    one.start()
    yield one
    one.stop()
