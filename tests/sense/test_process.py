"""`mien sense` as a process: what it says when a part of its wall cannot be had, and what it does then."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from device.errors import MienError
from device.ipc.messages import Beat, Health, Hello, State
from device.sense.process import move_files
from device.settings.locations import socket_path
from device.settings.schema import Home, Settings
from device.system.isolation import Gap
from tests.command_line import HOUSE, write_settings
from tests.coverage_files import measured
from tests.hub.conftest import short
from tests.sense.fake_hub import Hub, Line

__all__ = ["short"]

# Sense itself. Where coverage is measured, its file has to be written as well.
_SENSE = """
import dataclasses, sys
from pathlib import Path
from device.cli import main
from device.sense import process

class Measured(process.Enclosure):
    def __init__(self, needs):
        super().__init__(dataclasses.replace(needs, writable=(*needs.writable, Path.cwd())))

if "coverage" in sys.modules:
    process.Enclosure = Measured
sys.exit(main(sys.argv[1:]))
"""
# As systemd's unit: no socket but Unix's can be made, and no namespace.
_IN_A_SANDBOX = """
import sys
from device.system.isolation.seccomp import filter_system_calls
problem = filter_system_calls(internet=False)
if problem:
    sys.exit("no sandbox here: " + problem)
exec(sys.argv.pop(1))
"""
_WITHOUT_NAMESPACES = """
import os, sys
open("/proc/sys/user/max_user_namespaces", "w").write("0")
command = ["setpriv", "--bounding-set=-all", "--no-new-privs", sys.executable, "-c", *sys.argv[1:]]
os.execvp(command[0], command)
"""


def _environment(folder: Path) -> dict[str, str]:
    return {**os.environ, **measured(), "PYTHONPATH": str(HOUSE), "HOME": str(folder)}


@contextmanager
def _sense(folder: Path, settings: Path, *command: str) -> Iterator[tuple[Line, "subprocess.Popen[str]"]]:
    """A running sense, and its connection to a hub that the test plays."""
    (folder / "run").mkdir(mode=0o700)
    hub = Hub(socket_path(folder / "run"))
    arguments = [*command, "--settings", str(settings), "sense"]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(arguments, env=_environment(folder), stderr=log, text=True)
    try:
        assert hub._listener
        hub._listener.settimeout(30)
        line = hub.accept()
        line._end.settimeout(20)
        yield line, process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(15)
        hub.die()


def test_by_hand_the_hello_says_that_nothing_is_open(short: Path) -> None:
    with _sense(short, write_settings(short), sys.executable, "-c", _SENSE) as (line, _):
        hello = line.next_of(Hello)
        if "refused" in hello.isolation.detail:
            pytest.skip(hello.isolation.detail)
        assert (hello.isolation.enforced, hello.isolation.gaps) == (True, ())
        line.say(Beat())
        assert line.next_of(Health).stages["camera"].state is State.OFF
    assert "isolation: True" in (short / "log").read_text()


def test_an_ip_camera_in_a_sandbox_that_allows_none_is_a_sentence_with_the_command(short: Path) -> None:
    """Attack A2: it was a traceback, five restarts and a dead unit."""
    settings = write_settings(short)
    settings.write_text(settings.read_text().replace('"off"', '"rtsp://anna:secret@192.168.1.20/s"', 1))
    with _sense(short, settings, sys.executable, "-c", _IN_A_SANDBOX, _SENSE) as (line, process):
        line.next_of(Hello)
        line.say(Beat())
        stage = line.next_of(Health).stages["camera"]
        while stage.state is State.STARTING:
            line.say(Beat())
            stage = line.next_of(Health).stages["camera"]
        assert stage.state is State.LOST
        assert stage.detail.endswith("sudo mien camera allow 192.168.1.20")
        assert process.poll() is None
    log = (short / "log").read_text()
    assert "Traceback" not in log
    assert "secret" not in log


@pytest.mark.parametrize("required", [True, False])
def test_where_the_wall_cannot_be_had_sense_refuses_only_if_it_has_to(short: Path, required: bool) -> None:
    """Attack B7: a wall that failed open was no problem, and no setting refused it."""
    if shutil.which("unshare") is None or shutil.which("setpriv") is None:
        pytest.skip("unshare and setpriv are not installed")
    settings = write_settings(short)
    if required:
        settings.write_text(settings.read_text().replace("[home]", "[home]\nrequire_isolation = true"))
    command = ["unshare", "--user", "--map-root-user", sys.executable, "-c", _WITHOUT_NAMESPACES, _SENSE]
    if subprocess.run([*command[:3], "true"], check=False, capture_output=True).returncode:
        pytest.skip("this system has no user namespaces")
    if required:
        arguments = [*command, "--settings", str(settings), "sense"]
        done = subprocess.run(
            arguments, env=_environment(short), capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 1
        (said,) = [said for said in done.stderr.splitlines() if said.startswith("mien: ")]
        assert "home.require_isolation = true, and sense is not isolated: not closed: network" in said
        assert "Traceback" not in done.stderr
        return
    with _sense(short, settings, *command) as (line, _):
        isolation = line.next_of(Hello).isolation
        assert isolation.enforced is False
        assert Gap.NETWORK in isolation.gaps


def test_what_was_stored_beside_hub_is_taken_along(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sense must not be able to write what hub reads: a gallery, a history."""
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    settings = Settings(home=Home(state_dir=str(tmp_path)))
    (tmp_path / "switches.json").write_text('{"camera": false}')
    move_files(settings)
    move_files(settings)
    assert (tmp_path / "sense" / "switches.json").read_text() == '{"camera": false}'
    assert not (tmp_path / "switches.json").exists()
    (tmp_path / "switches.json").write_text('{"camera": true}')  # of an older Mien that was started once more
    move_files(settings)
    assert (tmp_path / "sense" / "switches.json").read_text() == '{"camera": false}'


def test_a_switch_that_cannot_be_taken_along_stops_sense(tmp_path: Path) -> None:
    (tmp_path / "switches.json").write_text('{"camera": false}')
    (tmp_path / "sense").touch()
    with pytest.raises(MienError, match="cannot be moved"):
        move_files(Settings(home=Home(state_dir=str(tmp_path))))


def test_a_service_has_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path))
    assert Settings().sense_dir == Settings().state_dir == tmp_path
