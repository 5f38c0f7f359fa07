"""State files: written whole or not at all, with the right mode and owner, and a default for a damaged one."""

import os
import stat
from pathlib import Path

import pytest

from device.system.state_file import StateFile, atomic_write


def test_a_file_is_replaced_whole_with_its_mode_and_leaves_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "new" / "state.json"
    atomic_write(path, b"first")
    atomic_write(path, b"second", mode=0o640)
    assert path.read_bytes() == b"second"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [one.name for one in path.parent.iterdir()] == ["state.json"]


@pytest.mark.parametrize("name", ["state.json", ".state.json.partial"])
def test_nothing_is_written_through_a_link(tmp_path: Path, name: str) -> None:
    other = tmp_path / "other"
    other.write_bytes(b"other")
    (tmp_path / name).symlink_to(other)
    atomic_write(tmp_path / "state.json", b"state")
    assert other.read_bytes() == b"other"
    assert (tmp_path / "state.json").read_bytes() == b"state"
    assert not (tmp_path / "state.json").is_symlink()


def test_a_write_that_fails_keeps_the_old_content_and_leaves_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "state.json"
    atomic_write(path, b"old")

    def fail(_: int) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="full"):
        atomic_write(path, b"new")
    assert path.read_bytes() == b"old"
    assert [one.name for one in tmp_path.iterdir()] == ["state.json"]


def test_the_file_and_its_name_are_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[bool] = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(stat.S_ISDIR(os.fstat(descriptor).st_mode)))
    atomic_write(tmp_path / "state.json", b"state")
    assert synced == [False, True], "first the file, then its folder"
    atomic_write(tmp_path / "state.json", b"state", sync=False)
    assert len(synced) == 2


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_the_owner_is_set_before_the_file_appears(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    owners: list[tuple[int, int, int]] = []
    replace = os.replace

    def record(source: str, target: str, *, src_dir_fd: int, dst_dir_fd: int) -> None:
        status = os.stat(source, dir_fd=src_dir_fd)
        owners.append((status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)))
        replace(source, target, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)

    monkeypatch.setattr(os, "replace", record)
    atomic_write(tmp_path / "state.json", b"state", mode=0o640, owner=(-1, 4322))
    assert owners == [(0, 4322, 0o640)]


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"\xff", b'"' + b"x" * 100 + b'"', b"[" * 90])
def test_a_damaged_file_is_reported_and_gives_the_default(
    tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    file = StateFile(tmp_path / "state.json", str, "it starts again", max_bytes=100)
    assert file.load("default") == "default"
    assert not caplog.text, "a missing file is no damage"
    file.save("stored")
    assert file.load("default", damaged="damaged") == "stored"
    file.path.write_bytes(content)
    assert file.load("default") == "default"
    assert file.load("default", damaged="damaged") == "damaged"
    assert caplog.text.count("it starts again") == 2
