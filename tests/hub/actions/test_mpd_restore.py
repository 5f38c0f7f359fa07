"""Restoring a real MPD: the music resumes where it was, unless somebody changed it."""

import asyncio
from pathlib import Path

import pytest

from device.hub.actions.base import DONE
from tests.hub.actions.mpd_setup import SONGS, Daemon, House, living, tone
from tests.hub.hub_running import run, until

# -- restoring


@pytest.mark.parametrize("how", ["play", "pause", "stop"])
def test_the_music_resumes_where_it_was(daemon: Daemon, tmp_path: Path, how: str) -> None:
    async def story() -> None:
        async with living(daemon, tmp_path) as house:
            if how == "pause":
                await house.hand.pause(1)
            elif how == "stop":
                await house.hand.stop()
            assert await house.act("calm", 20) == DONE
            assert await house.end() == ["mpd: done"]
            assert await house.queue() == list(SONGS[:2])
            assert await house.status("state", "volume") == [how, "60"]
            if how != "stop":
                (song, elapsed) = await house.status("song", "elapsed")
                assert song == "1"
                assert 6.9 <= float(elapsed or 0) < 10

    run(story())


def test_music_that_a_rule_stopped_resumes(daemon: Daemon, tmp_path: Path) -> None:
    async def story() -> None:
        async with living(daemon, tmp_path) as house:
            ids = [song["id"] async for song in house.hand.playlistinfo()]
            await house.act("", 10)
            assert await house.status("state", "volume") == ["stop", "10"]
            assert await house.end() == ["mpd: done"]
            assert await house.status("state", "song", "volume") == ["play", "1", "60"]
            assert [song["id"] async for song in house.hand.playlistinfo()] == ids, "the same queue, not a new one"

    run(story())


def test_a_playlist_that_ended_by_itself_was_not_stopped_by_somebody(daemon: Daemon, tmp_path: Path) -> None:
    async def story() -> None:
        for consume in (0, 1):
            async with living(daemon, tmp_path) as house:
                await house.act("bell")
                await house.hand.consume(consume)

                async def ended(house: House = house) -> bool:
                    return await house.status("state") == ["stop"]

                await until(ended)
                assert await house.end() == ["mpd: done"]
                assert await house.status("state", "song") == ["play", "1"]
                assert await house.queue() == list(SONGS[:2])

    run(story())


@pytest.mark.parametrize("hand", ["stop", "pause", "clear", "setvol", "add"])
def test_a_player_that_somebody_changed_is_left_alone(daemon: Daemon, tmp_path: Path, hand: str) -> None:
    async def story() -> None:
        async with living(daemon, tmp_path) as house:
            await house.act("calm", 20)
            arguments = {"pause": (1,), "setvol": (35,), "add": (SONGS[4],)}.get(hand, ())
            await getattr(house.hand, hand)(*arguments)
            before = await house.queue(), await house.status("state", "volume")
            assert await house.end() == ["mpd: left alone, it was changed since"]
            assert (await house.queue(), await house.status("state", "volume")) == before

    run(story())


def test_after_two_playlists_the_music_from_before_both_is_restored(daemon: Daemon, tmp_path: Path) -> None:
    async def story() -> None:
        async with living(daemon, tmp_path) as house:
            await house.act("calm", 20, "a")
            await house.act("bell", 30, "b")
            assert await house.end("a") == []
            assert await house.end("b") == ["mpd: done"]
            assert await house.queue() == list(SONGS[:2])
            assert await house.status("state", "song", "volume") == ["play", "1", "60"]

    run(story())


def test_missing_songs_are_reported_and_the_others_are_restored(daemon: Daemon, tmp_path: Path) -> None:
    async def story() -> None:
        async with living(daemon, tmp_path) as house:
            await house.hand.clear()
            gone = daemon.folder / "music" / "gone.wav"
            tone(gone, 1)
            await house.hand.update()

            async def is_scanned() -> bool:
                return "updating_db" not in await house.hand.status()

            await until(is_scanned)
            for song in ("gone.wav", *SONGS[:2]):
                await house.hand.add(song)
            await house.hand.seek(2, 5)
            await house.act("calm")
            gone.unlink()
            await house.hand.update()
            await until(is_scanned)
            assert await house.end() == [
                f"mpd: not restored: MPD 127.0.0.1:{daemon.port}: 1 songs of the queue are not there any more"
            ]
            assert await house.queue() == list(SONGS[:2])
            assert await house.status("state", "song") == ["play", "1"]

    run(story())


def test_a_queue_that_is_too_long_is_not_captured_and_the_playlist_still_plays(daemon: Daemon, tmp_path: Path) -> None:
    async def story() -> None:
        async with living(daemon, tmp_path) as house:
            for _ in range(10):
                await asyncio.gather(*(house.hand.add(SONGS[0]) for _ in range(100)))
            result = await house.act("calm")
            assert "more than 1000 songs, too many to be restored" in result
            assert result.startswith("done; ")
            assert await house.queue() == ["calm one.wav", "calm two.wav"]
            await house.hand.clear()
            for _ in range(9):
                await asyncio.gather(*(house.hand.add(SONGS[0]) for _ in range(100)))
            await house.act("calm")
            assert await house.end() == ["mpd: done"]
            assert len(await house.queue()) == 900

    run(story())


def test_a_player_that_is_away_at_the_end_is_tried_again_later(daemon: Daemon, tmp_path: Path) -> None:
    async def story() -> None:
        async with living(daemon, tmp_path) as house:
            await house.act("calm", 20)
        await asyncio.to_thread(daemon.stop)
        (line,) = await house.end()
        assert line.startswith(f"mpd: not restored: MPD 127.0.0.1:{daemon.port}: cannot be reached (Connect call")
        await asyncio.to_thread(daemon.start)
        assert (await house.end())[0].startswith("mpd: ")

    run(story())
