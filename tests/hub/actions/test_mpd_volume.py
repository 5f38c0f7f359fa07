"""The volume of a real MPD that has none before playback, and of one without a mixer."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from device.hub.actions.base import DONE
from device.settings.actions.mpd import Music
from tests.conftest import Pulse
from tests.hub.actions.mpd_setup import SONGS, Daemon, House, living
from tests.hub.actions.peers import WHY
from tests.hub.hub_running import run, until

NO_MIXER = "done; the volume was not accepted ([5@0] {setvol} No mixer)"


@pytest.fixture
def started(tmp_path: Path) -> Iterator[list[Daemon]]:
    """The daemons that a test starts; stopped at its end."""
    daemons: list[Daemon] = []
    yield daemons
    for one in daemons:
        one.stop()


def start_mpd(tmp_path: Path, started: list[Daemon], output: str) -> Daemon:
    folder = tmp_path / "mpd"
    folder.mkdir()
    one = Daemon(folder, output)
    started.append(one)
    one.start()
    return one


async def wait_for_volume(house: House, volume: str) -> None:
    """Wait until the music plays at this volume."""

    async def has_volume() -> bool:
        return await house.status("state", "volume") == ["play", volume]

    await until(has_volume)


def test_on_pulseaudio_the_music_plays_at_the_requested_volume(
    pulse: Pulse, tmp_path: Path, started: list[Daemon]
) -> None:
    daemon = start_mpd(tmp_path, started, f'type "pulse"\nserver "{pulse.env["PULSE_SERVER"]}"')

    async def story() -> None:
        async with living(daemon, tmp_path, volume=None, plays=False) as house:
            for _ in range(2):
                assert await house.all.run(Music("calm", 40), WHY) == DONE
                await wait_for_volume(house, "40")
            await house.hand.stop()
            assert await house.all.run(Music("calm", 30), WHY) == DONE
            await wait_for_volume(house, "30")

    run(story())


def test_on_pulseaudio_music_that_a_rule_stopped_resumes(pulse: Pulse, tmp_path: Path, started: list[Daemon]) -> None:
    daemon = start_mpd(tmp_path, started, f'type "pulse"\nserver "{pulse.env["PULSE_SERVER"]}"')

    async def story() -> None:
        async with living(daemon, tmp_path, volume=None) as house:
            assert await house.all.run(Music("calm", 60), WHY) == DONE
            assert await house.act("", 10) == DONE
            assert await house.status("state") == ["stop"]
            assert await house.end() == ["mpd: done"]
            assert await house.queue() == ["calm one.wav", "calm two.wav"]
            await wait_for_volume(house, "60")

    run(story())


def test_without_a_mixer_the_music_plays_stops_and_resumes(tmp_path: Path, started: list[Daemon]) -> None:
    daemon = start_mpd(tmp_path, started, 'type "null"\nmixer_type "none"')

    async def story() -> None:
        async with living(daemon, tmp_path, volume=None) as house:
            assert await house.act("calm", 40) == NO_MIXER
            assert await house.queue() == ["calm one.wav", "calm two.wav"]
            assert await house.status("state") == ["play"]
            assert await house.act("", 40) == NO_MIXER
            assert await house.status("state") == ["stop"]
            assert await house.end() == ["mpd: done"]
            assert await house.queue() == list(SONGS[:2])
            assert await house.status("state", "song") == ["play", "1"]

    run(story())
