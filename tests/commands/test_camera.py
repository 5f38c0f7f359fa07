"""`mien camera allow`: one window in the service's sandbox. tests/system/test_wall.py looks through it."""

import argparse
import os
from pathlib import Path

import pytest

from device.commands import camera
from device.errors import MienError
from tests.command_line import Mien, write_settings


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("192.168.1.20", "192.168.1.20"),
        ("rtsp://anna:p%40ss@192.168.1.20:554/stream", "192.168.1.20"),
        ("http://[fe80::1]:8080/x", "fe80::1"),
        ("[2001:db8::7]", "2001:db8::7"),
    ],
)
def test_an_address_or_the_whole_source_is_taken(text: str, address: str) -> None:
    assert camera.parse_camera(text) == address


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("localhost", "now it is 127.0.0.1|now it is ::1"),
        ("camera.invalid", "no IP address"),
        ("/dev/video0", "no IP address"),
        ("file:///a.mp4", "should begin with"),
        ("192.168.1.20\n[Service]\nUser=root", "no IP address"),
    ],
)
def test_anything_else_is_refused_with_a_sentence(text: str, said: str) -> None:
    with pytest.raises(MienError, match=said):
        camera.parse_camera(text)


def test_the_window_is_one_address_and_nothing_else() -> None:
    lines = camera.describe_window("192.168.1.20").splitlines()
    assert [line for line in lines if not line.startswith("#")] == [
        "[Service]",
        "PrivateNetwork=no",
        "RestrictNamespaces=user net",
        "RestrictAddressFamilies=AF_UNIX AF_INET",
        "SystemCallFilter=capset",
        "IPAddressAllow=192.168.1.20",
    ]
    assert "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6\n" in camera.describe_window("fe80::1")


def test_it_is_written_once_and_removed(tmp_path: Path) -> None:
    path = tmp_path / "mien-sense.service.d" / "camera.conf"
    text = camera.describe_window("192.168.1.20")
    assert [camera.write_window(path, text) for _ in range(2)] == [True, False]
    assert path.read_text() == text
    assert path.stat().st_mode & 0o777 == 0o644
    assert camera.write_window(path, camera.describe_window("192.168.1.21"))
    assert [camera.write_window(path, None) for _ in range(2)] == [True, False]
    assert not path.exists()


def test_a_folder_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(MienError, match="cannot be changed"):
        camera.write_window(tmp_path / "file" / "camera.conf", "x")


def test_without_an_address_it_takes_that_of_the_settings(tmp_path: Path, mien: Mien) -> None:
    path = write_settings(tmp_path)
    done = mien("camera", "allow", "--settings", path)
    assert done.returncode == 1
    assert "camera.source is not the address of an IP camera" in done.stderr


def test_the_command_writes_and_removes_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = tmp_path / "mien.toml"
    settings.write_text('[camera]\nsource = "rtsp://192.168.1.20/s"\n')
    monkeypatch.setattr(camera, "DROP_IN", tmp_path / "camera.conf")
    monkeypatch.setattr(os, "geteuid", lambda: 0)

    def run(what: str) -> str:
        arguments = argparse.Namespace(what=what, address=None, settings=settings, no_restart=True)
        assert camera.run(arguments) == 0
        return capsys.readouterr().out

    assert run("allow").endswith("camera.conf was written.\n")
    assert "IPAddressAllow=192.168.1.20\n" in (tmp_path / "camera.conf").read_text()
    assert run("allow").endswith("nothing to change.\n")
    assert run("forbid").endswith("camera.conf was removed.\n")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(MienError, match="needs root: sudo mien camera forbid"):
        run("forbid")
