"""When the volume is set: a fake MPD that answers commands and plays nothing."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from device.hub.actions.base import DONE
from device.hub.actions.dispatcher import ActionDispatcher
from device.hub.actions.mpd import MusicPlayer, Queue, restore_queue
from device.settings.actions.mpd import Mpd, Music
from tests.hub.actions.peers import WHY, Clock, raw
from tests.hub.hub_running import run


class Mixer:
    """A mixer with `steps` steps. `before_play`: whether it accepts a volume before playback.

    `opens_after`: how often `status` is asked until the output is open, as on PulseAudio: until then the time stands
    still, there is no volume, and one that is set is accepted and lost.
    """

    def __init__(self, steps: int = 100, *, before_play: bool = True, opens_after: int = 0) -> None:
        self.steps = steps
        self.before_play = before_play
        self.opens_after = opens_after
        self.volume = 100
        self.playing = False
        self.elapsed_s = 0.0
        self.asked = 0
        """How often `status` was asked since playback began."""
        self.heard: list[str] = []

    def answer(self, line: str) -> str:
        command, _, argument = line.partition(" ")
        self.heard.append(line.replace('"', ""))
        match command:
            case "play" | "seek":
                self.playing, self.asked = True, 0
                self.elapsed_s = float(argument.split()[1].strip('"')) if command == "seek" else 0.0
            case "clear":
                self.playing = False
            case "setvol" if not (self.playing or self.before_play):
                return "ACK [5@0] {setvol} No mixer\n"
            case "setvol":
                # Rounded up to the next step, as ALSA does.
                step = -(-int(argument.strip('"')) * self.steps // 100)
                self.volume = round(step * 100 / self.steps)
            case "status":
                return self.status()
        return "OK\n"

    def status(self) -> str:
        if not self.playing:
            return f"volume: {self.volume}\nstate: stop\nOK\n"
        self.asked += 1
        volume = f"volume: {self.volume}\n"
        if self.asked <= self.opens_after:
            self.volume, volume = 100, ""
        else:
            self.elapsed_s += 0.05
        return f"{volume}state: play\nelapsed: {self.elapsed_s:.3f}\nOK\n"

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"OK MPD 0.23.5\n")
        while line := (await reader.readline()).decode().strip():
            if line != "idle":
                writer.write(self.answer(line).encode())

    def received(self, *commands: str) -> list[str]:
        return [line for line in self.heard if line.partition(" ")[0] in commands]


@asynccontextmanager
async def playing_on(mixer: Mixer) -> AsyncIterator[MusicPlayer]:
    async with raw(mixer.converse) as (port, _):
        yield MusicPlayer(Mpd("127.0.0.1", port), Clock().make_deliveries(per_s=500.0))


@pytest.mark.parametrize("before_play", [True, False])
def test_music_starts_at_the_requested_volume(before_play: bool) -> None:
    async def story() -> None:
        mixer = Mixer(before_play=before_play)
        async with playing_on(mixer) as player:
            assert await ActionDispatcher({Music: player}).run(Music("calm", 20), WHY) == DONE
        assert mixer.received("load", "setvol", "play") == ["load calm", "setvol 20", "play", "setvol 20"]
        assert mixer.volume == 20

    run(story())


def test_restored_music_starts_at_its_old_volume() -> None:
    async def story() -> None:
        mixer = Mixer()
        async with playing_on(mixer) as player:
            queue = Queue(("one.wav",), "play", 20, 0, 7.5)
            assert await player._run_connected(lambda client: restore_queue(client, queue, "MPD")) == (0, "")
        assert mixer.received("add", "setvol", "seek") == ["add one.wav", "setvol 20", "seek 0 7.5", "setvol 20"]

    run(story())


@pytest.mark.parametrize("opens_after", [1, 2, 3])
def test_a_volume_that_the_output_loses_while_it_opens_is_set_again(opens_after: int) -> None:
    async def story() -> None:
        played, restored = Mixer(opens_after=opens_after), Mixer(opens_after=opens_after)
        async with playing_on(played) as player:
            assert await player.run(Music("calm", 20), WHY) == ""
        assert played.volume == 20
        async with playing_on(restored) as player:
            # `seek` makes the elapsed time 7.5 s at once, long before any sound comes out.
            queue = Queue(("one.wav",), "play", 20, 0, 7.5)
            assert await player._run_connected(lambda client: restore_queue(client, queue, "MPD")) == (0, "")
        assert restored.volume == 20

    run(story())


@pytest.mark.parametrize(("requested", "becomes"), [(50, 53), (48, 53), (47, 53), (20, 20)])
def test_a_coarse_mixer_that_rounds_to_its_next_step_has_accepted_it(requested: int, becomes: int) -> None:
    async def story() -> None:
        mixer = Mixer(15)
        async with playing_on(mixer) as player:
            house = ActionDispatcher({Music: player}, clock=Clock())
            for _ in range(2):
                mixer.heard.clear()
                assert await house.run(Music("calm", requested), WHY) == DONE
                assert mixer.volume == becomes
                assert len(mixer.received("setvol")) <= 3
            assert await house.run(Music("", requested), WHY) == DONE

    run(story())


def test_music_on_a_coarse_mixer_is_restored() -> None:
    async def story() -> None:
        mixer, clock = Mixer(15), Clock()
        async with playing_on(mixer) as player:
            house = ActionDispatcher({Music: player}, clock=clock)
            assert await house.run(Music("calm", 47), WHY, remember=True) == DONE
            clock.now_s += 10
            assert await house.restore(WHY.rule) == ["mpd: done"]
        assert mixer.volume == 100

    run(story())


def test_a_mixer_that_ignores_the_volume_is_reported() -> None:
    async def story() -> None:
        async with playing_on(Mixer(4)) as player:
            result = await ActionDispatcher({Music: player}).run(Music("calm", 60), WHY)
            assert result == "done; the volume was not accepted (it stays at 75 %)"

    run(story())
