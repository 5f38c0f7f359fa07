"""Certificates, made once, and a clock that random waits go by."""

import random
import shutil
import ssl
from pathlib import Path

import pytest

from tests.hub.actions.hue_bridge import certificate
from tests.hub.actions.peers import Clock


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Of the bridge, and of somebody else."""
    if not shutil.which("openssl"):
        pytest.skip("openssl is not installed")
    folder: Path = tmp_path_factory.mktemp("certificates")
    return certificate(folder, "bridge"), certificate(folder, "stranger")


@pytest.fixture
def clock() -> Clock:
    random.seed(7)
    return Clock()
