"""Off means off: over a restart, a reboot and a damaged file."""

import os
from pathlib import Path

import pytest

from device.ipc.messages import Switch
from device.sense.controls import Switches, load
from device.system.state_file import keep


@pytest.mark.parametrize("order", list(Switch))
def test_what_was_switched_is_read_back(tmp_path: Path, order: Switch) -> None:
    path = tmp_path / "state" / "switches.json"
    for on in (True, False):
        wanted = Switches().after(order, on=on)
        keep(path, wanted)
        assert load(path) == wanted
        assert getattr(load(path), order.value) is on


def test_before_anybody_chose_everything_is_on(tmp_path: Path) -> None:
    kept = load(tmp_path / "switches.json")
    assert (kept.sees, kept.hears) == (True, True)


def test_each_switch_closes_its_own_sense_and_pause_closes_both() -> None:
    assert [(s.sees, s.hears) for s in (Switches(camera=False), Switches(microphone=False), Switches(pause=True))] == [
        (False, True),
        (True, False),
        (False, False),
    ]


def test_the_end_of_a_pause_opens_nothing_that_was_off_before() -> None:
    kept = Switches().after(Switch.CAMERA, on=False).after(Switch.PAUSE, on=True).after(Switch.PAUSE, on=False)
    assert (kept.sees, kept.hears) == (False, True)


def test_the_hold_is_kept_beside_them_and_files_from_before_it_still_load(tmp_path: Path) -> None:
    path = tmp_path / "switches.json"
    path.write_bytes(b'{"camera": false, "microphone": true, "pause": false}')
    assert load(path) == Switches(camera=False, hold_s=None)
    keep(path, Switches(camera=False, hold_s=0.0))
    assert load(path).after(Switch.CAMERA, on=True) == Switches(hold_s=0.0)


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
def test_a_damaged_file_is_a_pause_and_not_an_open_eye(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "switches.json"
    path.write_bytes(content)
    kept = load(path)
    assert (kept.sees, kept.hears, kept.pause) == (False, False, True)


def test_a_file_that_cannot_be_opened_is_a_pause(tmp_path: Path) -> None:
    (tmp_path / "switches.json").mkdir()
    assert load(tmp_path / "switches.json").pause


def test_a_save_that_fails_leaves_the_old_choice(tmp_path: Path) -> None:
    path = tmp_path / "switches.json"
    keep(path, Switches(camera=False))
    (tmp_path / "switches.partial").mkdir()
    with pytest.raises(OSError, match="directory"):
        keep(path, Switches())
    assert load(path) == Switches(camera=False)


def test_a_save_leaves_one_file_and_a_folder_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "state" / "switches.json"
    keep(path, Switches())
    assert os.listdir(path.parent) == ["switches.json"]  # noqa: PTH208 - the names are wanted
    assert path.parent.stat().st_mode & 0o777 == 0o700
