"""The units and their documentation, as far as they can be tested without a boot. tests/system starts them."""

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

_SYSTEMD = Path(__file__).parents[1] / "systemd"
_UNITS = sorted(path for path in _SYSTEMD.iterdir() if path.suffix in (".service", ".target"))
_MAX_EXPOSED = {"mien-sense.service": 0.6, "mien-hub.service": 1.1, "mien-kiosk.service": 2.4}

needs_analyze = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not here")


def test_units_refer_to_units_that_exist() -> None:
    """And mien.target starts and restarts each service."""
    names = {path.name for path in _UNITS}
    assert names == {"mien.target", "mien-hub.service", "mien-sense.service", "mien-kiosk.service"}
    for path in _UNITS:
        text = path.read_text()
        assert set(re.findall(r"\bmien[a-z-]*\.(?:service|target)\b", text)) <= names
        if path.suffix == ".service":
            assert "PartOf=mien.target\n" in text
            assert "WantedBy=mien.target\n" in text
            assert "LimitCORE=0\n" in text  # a core file would hold what was seen, heard or secret
    accounts = (_SYSTEMD / "mien.sysusers.conf").read_text()
    assert "g mien " in accounts
    assert "u mien-kiosk " in accounts


def _settings(unit: str) -> dict[str, list[str]]:
    """Key -> its values, of a unit's section [Service]."""
    found: dict[str, list[str]] = {}
    for line in (_SYSTEMD / unit).read_text().partition("[Service]\n")[2].splitlines():
        if re.match(r"[A-Z]\w+=", line):
            key, _, value = line.partition("=")
            found.setdefault(key, []).append(value)
    return found


def test_sense_sees_no_socket_of_another_service() -> None:
    """Attack A1: resolved, avahi and D-Bus took what sense gave them. tests/system/test_wall.py attacks it booted."""
    sense, hub = _settings("mien-sense.service"), _settings("mien-hub.service")
    assert sense["TemporaryFileSystem"] == ["/run:ro /var:ro"]
    assert sense["BindReadOnlyPaths"] == ["/run/mien /run/systemd/notify -/run/udev"]
    assert "BindPaths" not in sense
    # A folder that systemd takes away with the hub would leave sense with the old one.
    assert "RuntimeDirectory" not in hub
    assert hub["ReadWritePaths"] == ["/run/mien"]
    assert "d /run/mien 0770 root mien" in (_SYSTEMD / "mien.tmpfiles.conf").read_text()
    for unit in (sense, hub):
        assert "RUNTIME_DIRECTORY=/run/mien" in unit["Environment"][0]
        assert unit["MemorySwapMax"] == ["0"]


def test_no_call_leads_past_the_filter_of_sense() -> None:
    """io_uring makes sockets that a filter of system calls does not see."""
    refused = _settings("mien-sense.service")["SystemCallFilter"][-1]
    assert refused.startswith("~")
    assert {"@privileged", "@resources", "@keyring", "@aio"} <= set(refused[1:].split())


def test_the_browsers_limits_are_in_the_slice_of_its_user() -> None:
    """Limits of the unit would not apply: pam_systemd moves the browser into session-N.scope of user-UID.slice."""
    unit = (_SYSTEMD / "mien-kiosk.service").read_text()
    assert "PAMName=" in unit
    of_cgroups = r"(?m)^(IPAddress\w+|Memory\w+Max|MemoryMax|TasksMax|CPU\w+|Device\w+|IO\w+)="
    assert re.findall(of_cgroups, unit) == []
    limits = (_SYSTEMD / "mien-kiosk.slice.conf").read_text()
    assert limits.partition("[Slice]\n")[2].split("\n")[:2] == ["MemoryMax=1G", "TasksMax=512"]
    assert "\nIPAddressDeny=any\nIPAddressAllow=localhost\n" in limits


def test_installing_by_hand_needs_no_compiler() -> None:
    """PyAudio has no wheels for Linux, so the steps use Debian's, as the installer does."""
    steps = (_SYSTEMD / "README.md").read_text().split("```")[1]
    extras = tomllib.loads((_SYSTEMD.parent / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    building = [name for name, wanted in extras.items() if any(one.lower().startswith("pyaudio") for one in wanted)]
    assert sorted(building) == ["mic", "pi"]
    assert not any(f"[{name}]" in steps for name in building)
    assert "python3-pyaudio" in steps
    assert "--system-site-packages" in steps
    assert re.search(r"^chgrp mien (\S+) && chmod 640 \1$", steps, re.MULTILINE), "the services read them by that group"


def test_the_credentials_example_matches_its_settings() -> None:
    text = (_SYSTEMD / "credentials.example").read_text()
    lent = set(re.findall(r"^LoadCredential=(\w+):/etc/mien/", text, re.MULTILINE))
    assert lent == {"mqtt", "kiosk"}
    assert set(re.findall(r"/run/credentials/mien-hub\.service/(\w+)", text)) == lent


@pytest.mark.parametrize("path", [path for path in _UNITS if path.suffix == ".service"], ids=lambda path: path.name)
def test_no_number_of_deaths_ends_a_unit_for_good(path: Path) -> None:
    """For a device on a wall there is nobody who would start it again."""
    text = path.read_text()
    assert "Restart=always" in text
    assert "StartLimitIntervalSec=0" in text
    assert "StartLimitBurst" not in text


@needs_analyze
def test_systemd_verify_prints_nothing(tmp_path: Path) -> None:
    for path in _UNITS:
        # The programs are not installed here.
        text = re.sub(r"(?m)^ExecStart=\S+", f"ExecStart={shutil.which('true')}", path.read_text())
        (tmp_path / path.name).write_text(text)
    units = [tmp_path / path.name for path in _UNITS]
    units.append(tmp_path / "user-987.slice")
    units[-1].touch()
    (tmp_path / "user-987.slice.d").mkdir()
    shutil.copy(_SYSTEMD / "mien-kiosk.slice.conf", tmp_path / "user-987.slice.d" / "mien-kiosk.conf")
    command = ["systemd-analyze", "--man=no", "verify", *map(str, units)]
    environment = os.environ | {"SYSTEMD_UNIT_PATH": f"{tmp_path}:"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=environment)
    said = [line for line in (done.stdout + done.stderr).splitlines() if "mien" in line]
    assert said == []


@needs_analyze
@pytest.mark.parametrize("unit", _MAX_EXPOSED)
def test_the_exposure_is_low(unit: str) -> None:
    command = ["systemd-analyze", "security", "--offline=yes", "--no-pager", str(_SYSTEMD / unit)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    found = re.search(r"exposure level for \S+: ([0-9.]+)", done.stdout)
    if found is None:
        pytest.skip(f"systemd-analyze cannot look at files here: {done.stderr.strip()}")
    assert float(found[1]) <= _MAX_EXPOSED[unit]
