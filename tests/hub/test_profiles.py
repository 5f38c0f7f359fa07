"""The chosen profile, and other small files that are kept."""

from pathlib import Path

import pytest

from device.hub import profiles

ALL = ("everyday", "Late night", "quiet")


def test_the_first_holds_until_another_is_chosen_and_that_is_kept(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    assert profiles.load(folder, ALL) == "everyday"
    for chosen in ("Late night", "quiet"):
        profiles.save(folder, chosen)
        assert profiles.load(folder, ALL) == chosen
    assert [path.name for path in folder.iterdir()] == ["profile.json"]
    assert (folder / "profile.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b'{"profile": 3}', b'{"profile": "gone"}', b"[]"])
def test_a_choice_that_is_no_use_is_the_first(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "profile.json").write_bytes(content)
    assert profiles.load(tmp_path, ALL) == "everyday"


def test_a_save_that_fails_leaves_the_old_choice(tmp_path: Path) -> None:
    profiles.save(tmp_path, "quiet")
    (tmp_path / "profile.partial").mkdir()
    with pytest.raises(OSError, match="directory"):
        profiles.save(tmp_path, "everyday")
    assert profiles.load(tmp_path, ALL) == "quiet"
