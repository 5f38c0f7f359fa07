"""The tools of `make bench`: peers that run, peers that do not, and the ratios. Nothing is installed here."""

from pathlib import Path

import pytest

from tests.bench import environments
from tests.bench.__main__ import compare, format_table, measure_peers, record_room, record_talker
from tests.bench.environments import Environment, NotInstalled
from tests.bench.peer import PEERS, SOUND_PEERS, Peer


def test_mien_and_the_lean_baseline_read_the_same_frames() -> None:
    with record_room(1.0) as room:
        result = measure_peers([one for one in PEERS if one.environment is None], 1, room)
    assert list(result) == ["mien", "lean"]
    for one in result.values():
        assert one["frames"] == 15
        assert one["faces_a_frame"] > 0.8
        assert one["ms_cpu_a_frame"] > 0
        assert one["rss_mb"] > 20
        assert one["start_s"] > 0
        assert one["install_mb"] > 100
    assert result["mien"]["times_mien"] == 1.0


def test_mien_reads_a_stream_that_starts_again() -> None:
    with record_talker(8.0) as talker:
        result = measure_peers([one for one in SOUND_PEERS if one.environment is None], 1, talker)
        assert "voices" in next(iter(format_table(result, talker)))
    assert list(result) == ["mien"]
    assert result["mien"]["seconds"] == 15
    assert result["mien"]["voices_a_second"] == 1.0
    assert result["mien"]["ms_cpu_a_second"] > 0


def test_a_peer_that_does_not_run_is_named(tmp_path: Path) -> None:
    script = tmp_path / "broken.py"
    script.write_text("raise SystemExit(3)")
    with record_room(0.2) as room:
        result = measure_peers([Peer("broken", str(script))], 1, room)
    assert result == {"broken": {"absent": "it does not run here (exit status 3)"}}
    assert "broken         not measured: it does not run here" in "\n".join(format_table(result, room))


def test_an_environment_that_cannot_be_created_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    environment = Environment("environment", (("left-pad",),), npm=True, root=tmp_path)
    with pytest.raises(NotInstalled, match="npm: FileNotFoundError"):
        environment.install()
    npm = tmp_path / "npm"
    npm.write_text('#!/bin/sh\necho "WARNING: an old npm" >&2\necho "E404: there is no $5" >&2\nexit 1\n')
    npm.chmod(0o755)
    with pytest.raises(NotInstalled, match="E404: there is no left-pad"):
        environment.install()


def test_an_environment_is_created_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commands: list[list[str]] = []
    monkeypatch.setattr(Environment, "_run", lambda _, command: commands.append(command))
    for _ in range(2):
        Environment("one", (("a-package==1",), ("--no-deps", "another")), root=tmp_path).install()
    assert [command[-1] for command in commands] == [str(tmp_path / "one"), "a-package==1", "another"]
    Environment("one", (("a-package==2",),), root=tmp_path).install()
    assert commands[-1][-1] == "a-package==2"


def test_the_size_of_the_installed_packages(tmp_path: Path) -> None:
    node = Environment("node", (), npm=True, root=tmp_path)
    for name in ("one", "two"):
        (node.packages / name).mkdir(parents=True)
        (node.packages / name / "big").write_bytes(b"0" * 2**20)
    assert (node.size_mb(), node.size_mb("two")) == (2.0, 1.0)
    assert environments.measure_size_mb(("numpy",)) > 10


def test_ratios_are_relative_to_mien() -> None:
    measured = {"mien": {"ms_cpu_a_frame": 0.5}, "other": {"ms_cpu_a_frame": 25.0}, "gone": {"absent": "why"}}
    result = compare(measured, "frame")
    assert (result["mien"]["times_mien"], result["other"]["times_mien"]) == (1.0, 50.0)
    assert compare({"other": {"ms_cpu_a_frame": 25.0}}, "frame") == {"other": {"ms_cpu_a_frame": 25.0}}
