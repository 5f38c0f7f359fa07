"""A real MPD with a null output: its playlists and its password."""

import logging
from pathlib import Path

import pytest

from device.settings.actions.mpd import Music
from tests.hub.actions.mpd_setup import PASSWORD, SONGS, Daemon, living
from tests.hub.actions.peers import WHY
from tests.hub.hub_running import run


def test_a_list_is_played_and_stopped(daemon: Daemon, tmp_path: Path) -> None:
    async def story() -> None:
        async with living(daemon, tmp_path) as house:
            assert house.player.state() == {}
            await house.player.run(Music("calm", 40), WHY)
            assert await house.queue() == ["calm one.wav", "calm two.wav"]
            assert await house.status("state", "song", "volume") == ["play", "0", "40"]
            assert house.player.state() == {"playing": True, "playlist": "calm", "volume": 40}
            await house.player.run(Music(""), WHY)
            assert await house.status("state", "volume") == ["stop", "40"]
            assert house.player.state() == {"playing": False, "playlist": "", "volume": None}

    run(story())


def test_an_unknown_playlist_does_not_stop_the_music(daemon: Daemon, tmp_path: Path) -> None:
    async def story() -> None:
        async with living(daemon, tmp_path) as house:
            where = f"MPD 127.0.0.1:{daemon.port}"
            result = await house.all.run(Music("none", 5), WHY)
            assert result == f"{where}: refused it ([50@0] {{listplaylist}} No such playlist)"
            assert await house.queue() == list(SONGS[:2])
            assert await house.status("state", "volume") == ["play", "60"]

    run(story())


def test_a_wrong_password_is_reported_but_not_logged(
    daemon: Daemon, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    async def story() -> str:
        async with living(daemon, tmp_path) as house:
            house.password_file.write_text("wrong-password")
            return await house.all.run(Music("calm"), WHY)

    result = run(story())
    assert "refused it ([3@0] {password} incorrect password)" in result
    assert "wrong-password" not in result + caplog.text
    assert PASSWORD not in caplog.text
