"""A booted Debian 12 and 13 with Mien installed, for each test file."""

import time
from collections.abc import Iterator

import pytest

from tests.system.inside import HOLD, PROBE
from tests.system.installed import INSTALL
from tests.system.machine import Machine, debian

_SETTINGS = '[home]\nname = "livingroom"\n[camera]\nsource = "stand-in"\n[microphone]\nsource = "stand-in"\n'
# What a later installation needs, since the booted machine has no network.
_WHEELS = (
    "python3 -m venv /srv/pip && cd /srv/mien/requirements && /srv/pip/bin/pip download -q -d /srv/wheels "
    "--require-hashes --only-binary :all: -r build.txt -r device.txt && rm -r /srv/pip"
)


@pytest.fixture(scope="module", params=["bookworm", "trixie"])
def machine(request: pytest.FixtureRequest) -> Iterator[Machine]:
    """Prepared without systemd, as an image is built; then booted, and what follows runs in it one by one."""
    with debian(request.param, "mosquitto mosquitto-clients") as disk:
        disk.clone()
        refused = disk.run(INSTALL, check=False)
        assert "--no-start" in refused
        begun_s = time.monotonic()
        said = disk.run(f"{INSTALL} --no-start")
        print(f"{request.param}: installed in {time.monotonic() - begun_s:.0f} s")
        assert "Missing Debian packages: python3-pyaudio" in said
        assert "Output of mien doctor:" in said
        assert disk.run("stat -c '%U:%G %a' /etc/mien/mien.toml") == "root:mien 640\n"
        assert disk.run("cd /srv/mien && ls -d build *.egg-info", check=False).count("No such file") == 2  # no traces
        disk.run(f"{_WHEELS} && cp /etc/mien/mien.toml /srv/first.toml && printf '{_SETTINGS}' > /etc/mien/mien.toml")
        disk.run(f"install -m755 /dev/stdin /srv/probe.py <<'P'\n{PROBE}P\ncat > /srv/hold.py <<'P'\n{HOLD}P")
        with disk.booted() as running:
            yield running
