"""The machinery of `make bench`: peers that run, peers that do not, and the ratios. None is installed here."""

from pathlib import Path

import pytest

from tests.bench import environments, peer
from tests.bench.__main__ import compared, one_room, one_talker, side_by_side, table
from tests.bench.environments import Environment, NotInstalled
from tests.bench.peer import PEERS, SOUND_PEERS, Peer


def test_mien_and_the_lean_baseline_look_at_the_same_frames() -> None:
    with one_room(1.0) as room:
        told = side_by_side([one for one in PEERS if one.environment is None], 1, room)
    assert list(told) == ["mien", "lean"]
    for one in told.values():
        assert one["frames"] == 15
        assert one["faces_a_frame"] > 0.8
        assert one["ms_cpu_a_frame"] > 0
        assert one["rss_mb"] > 20
        assert one["start_s"] > 0
        assert one["install_mb"] > 100
    assert told["mien"]["times_mien"] == 1.0


def test_mien_hears_a_stream_that_begins_again() -> None:
    with one_talker(8.0) as talker:
        told = side_by_side([one for one in SOUND_PEERS if one.environment is None], 1, talker)
        assert "voices" in next(iter(table(told, talker)))
    assert list(told) == ["mien"]
    assert told["mien"]["seconds"] == 15
    assert told["mien"]["voices_a_second"] == 1.0
    assert told["mien"]["ms_cpu_a_second"] > 0


def test_what_does_not_run_is_said_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peer, "_SCRIPTS", tmp_path)
    (tmp_path / "broken.py").write_text("raise SystemExit(3)")
    with one_room(0.2) as room:
        told = side_by_side([Peer("broken", "broken.py")], 1, room)
    assert told == {"broken": {"absent": "it does not run here (exit status 3)"}}
    assert "broken         not measured: it does not run here" in "\n".join(table(told, room))


def test_an_environment_that_cannot_be_made_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environments, "ROOT", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    wanted = Environment("wanted", (("left-pad",),), npm=True)
    with pytest.raises(NotInstalled, match="npm: FileNotFoundError"):
        wanted.ready()
    npm = tmp_path / "npm"
    npm.write_text('#!/bin/sh\necho "WARNING: an old npm" >&2\necho "E404: there is no $5" >&2\nexit 1\n')
    npm.chmod(0o755)
    with pytest.raises(NotInstalled, match="E404: there is no left-pad"):
        wanted.ready()


def test_an_environment_is_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environments, "ROOT", tmp_path)
    done: list[list[str]] = []
    monkeypatch.setattr(Environment, "_do", lambda _, command: done.append(command))
    for _ in range(2):
        Environment("one", (("a-package==1",), ("--no-deps", "another"))).ready()
    assert [command[-1] for command in done] == [str(tmp_path / "one"), "a-package==1", "another"]
    Environment("one", (("a-package==2",),)).ready()
    assert done[-1][-1] == "a-package==2"


def test_the_size_of_what_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environments, "ROOT", tmp_path)
    node = Environment("node", (), npm=True)
    for name in ("one", "two"):
        (node.packages / name).mkdir(parents=True)
        (node.packages / name / "big").write_bytes(b"0" * 2**20)
    assert (node.size_mb(), node.size_mb("two")) == (2.0, 1.0)
    assert environments.size_of(("numpy",)) > 10


def test_ratios_are_to_ours() -> None:
    measured = {"mien": {"ms_cpu_a_frame": 0.5}, "other": {"ms_cpu_a_frame": 25.0}, "gone": {"absent": "why"}}
    told = compared(measured, "frame")
    assert (told["mien"]["times_mien"], told["other"]["times_mien"]) == (1.0, 50.0)
    assert compared({"other": {"ms_cpu_a_frame": 25.0}}, "frame") == {"other": {"ms_cpu_a_frame": 25.0}}
