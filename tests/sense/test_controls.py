"""Off means off: after a restart, a reboot and a damaged file."""

import os
from pathlib import Path

import msgspec
import pytest

from device.ipc.messages import Switch
from device.sense.controls import Switches, SwitchesFile


@pytest.mark.parametrize("switch", list(Switch))
def test_a_switch_is_read_back(tmp_path: Path, switch: Switch) -> None:
    file = SwitchesFile(tmp_path / "state")
    for on in (True, False):
        wanted = msgspec.structs.replace(Switches(), **{switch.value: on})
        file.save(wanted)
        assert file.read() == wanted
        assert getattr(file.read(), switch.value) is on


def test_everything_is_on_at_first(tmp_path: Path) -> None:
    switches = SwitchesFile(tmp_path).read()
    assert (switches.can_see, switches.can_hear) == (True, True)


def test_each_switch_closes_its_own_sense_and_pause_closes_both() -> None:
    closed = Switches(camera=False), Switches(microphone=False), Switches(pause=True)
    assert [(s.can_see, s.can_hear) for s in closed] == [(False, True), (True, False), (False, False)]


def test_the_end_of_a_pause_opens_nothing_that_was_off_before() -> None:
    resumed = msgspec.structs.replace(Switches(camera=False, pause=True), pause=False)
    assert (resumed.can_see, resumed.can_hear) == (False, True)


def test_the_hold_time_is_stored_with_them_and_older_files_still_load(tmp_path: Path) -> None:
    file = SwitchesFile(tmp_path)
    file.path.write_bytes(b'{"camera": false, "microphone": true, "pause": false}')
    assert file.read() == Switches(camera=False, hold_s=None)
    file.save(Switches(camera=False, hold_s=0.0))
    assert msgspec.structs.replace(file.read(), camera=True) == Switches(hold_s=0.0)


@pytest.mark.parametrize(
    "content",
    [
        b'{"hold_s": -1}',
        b'{"hold_s": 1e9}',
        b"",
        b"{",
        b"[]",
        b'{"camera": "no"}',
        b'{"camera": false, "eyes": true}',
        b"\xff\xfe",
        b"null",
    ],
)
def test_a_damaged_file_is_a_pause_and_not_an_open_camera(tmp_path: Path, content: bytes) -> None:
    file = SwitchesFile(tmp_path)
    file.path.write_bytes(content)
    switches = file.read()
    assert (switches.can_see, switches.can_hear, switches.pause) == (False, False, True)


def test_an_unreadable_file_is_a_pause(tmp_path: Path) -> None:
    (tmp_path / "switches.json").mkdir()
    assert SwitchesFile(tmp_path).read().pause


def test_a_save_that_fails_leaves_the_old_choice(tmp_path: Path) -> None:
    file = SwitchesFile(tmp_path)
    file.save(Switches(camera=False))
    (tmp_path / ".switches.json.partial").mkdir()
    with pytest.raises(OSError, match="directory"):
        file.save(Switches())
    assert file.read() == Switches(camera=False)


def test_a_save_leaves_one_file_in_a_folder_that_only_its_owner_can_open(tmp_path: Path) -> None:
    file = SwitchesFile(tmp_path / "state")
    file.save(Switches())
    assert os.listdir(file.path.parent) == ["switches.json"]  # noqa: PTH208 - the names are wanted
    assert file.path.parent.stat().st_mode & 0o777 == 0o700
