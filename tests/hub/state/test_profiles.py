"""The chosen profile in its file."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest

from device.hub.state import profiles
from device.settings.schema import Settings
from device.system.state_file import StateFile
from tests.hub.hub_running import run, running
from tests.hub.web.client import ask

ALL = ("everyday", "Late night", "quiet")


def test_the_first_profile_is_active_until_another_is_chosen_and_saved(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    assert profiles.load(folder, ALL) == "everyday"
    for chosen in ("Late night", "quiet"):
        profiles.save(folder, chosen)
        assert profiles.load(folder, ALL) == chosen
    assert [path.name for path in folder.iterdir()] == ["profile.json"]
    assert (folder / "profile.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b'{"profile": 3}', b'{"profile": "gone"}', b"[]"])
def test_an_unusable_file_means_the_first_profile(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "profile.json").write_bytes(content)
    assert profiles.load(tmp_path, ALL) == "everyday"


def test_a_save_that_fails_leaves_the_old_choice(tmp_path: Path) -> None:
    profiles.save(tmp_path, "quiet")
    (tmp_path / ".profile.json.partial").mkdir()
    with pytest.raises(OSError, match="directory"):
        profiles.save(tmp_path, "everyday")
    assert profiles.load(tmp_path, ALL) == "quiet"


def test_of_many_choices_at_once_the_last_is_saved(house: Settings) -> None:
    home = msgspec.structs.replace(house.home, profiles=("a", "b"))
    mine = msgspec.structs.replace(house, home=home)

    async def story() -> None:
        async with running(mine) as hub:
            url = hub.page + "api/command"
            for _ in range(10):
                choices = [ask("POST", url, json={"feature": "profile", "value": name}) for name in "abababab"]
                assert {status for status, _, _ in await asyncio.gather(*choices)} == {200}
                assert profiles.load(mine.state_dir, mine.profiles) == hub.store.now.profile

    run(story())


def test_many_writers_of_one_file_do_not_disturb_each_other(tmp_path: Path) -> None:
    file = StateFile(tmp_path / "one.json", int, "")
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(file.save, range(200)))
    assert int((tmp_path / "one.json").read_text()) in range(200)
    assert [path.name for path in tmp_path.iterdir()] == ["one.json"]
