"""`mien gallery` in words and for programs."""

import json
from pathlib import Path

import pytest

from device.commands import gallery as command
from device.emotions import EMOTIONS, Emotion
from device.settings.schema import Settings


def mien(home: Settings, *words: str) -> int:
    from device.cli import _build_parser

    settings = home.state_dir.parent / "mien.toml"
    settings.write_text(f'[home]\nstate_dir = "{home.state_dir}"')
    return command.run(_build_parser().parse_args(["--settings", str(settings), "gallery", *words]))


def test_the_command_reports_the_gallery(album: Path, home: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    assert mien(home) == 0
    assert "the drawn faces answer" in capsys.readouterr().out
    assert mien(home, str(album)) == 0
    said = capsys.readouterr().out
    for words in (
        "broken.jpg: the picture breaks off",
        "wall.png: no face found",
        "2 read, 0 unchanged",
        "Fewer than five",
    ):
        assert words in said
    assert mien(home, str(album), "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["unchanged"], document["no_face"], document["broken"], document["pictures"]) == (2, 1, 1, 2)
    assert [one["path"] for one in document["errors"]] == ["broken.jpg"]
    assert mien(home, "--json") == 0
    assert json.loads(capsys.readouterr().out) == {
        "folder": str(album),
        "pictures": 2,
        "emotions": {e.value: int(e in (Emotion.HAPPY, Emotion.SURPRISE)) for e in EMOTIONS},
        "under_five": [e.value for e in EMOTIONS],
    }
    assert mien(home, "--clear") == 0
    assert "2 pictures removed" in capsys.readouterr().out
