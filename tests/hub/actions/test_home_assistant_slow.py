"""Slow services of Home Assistant: they are awaited, called once, and are not failures."""

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

from device.hub.actions.base import DONE
from device.hub.actions.transport.http import Http
from device.settings.actions.home_assistant import HomeAssistant
from tests.hub.actions.home_assistant_setup import LAMP, House, living
from tests.hub.hub_running import run

PLAY = "media_player.play_media"
SLOW = "Home Assistant: no answer within 0.2 s; it may still be working on it, and is not asked again"


def test_a_speaker_that_wakes_up_for_five_seconds_is_called_once(token_file: Path) -> None:
    async def story() -> None:
        async with living(token_file) as (instance, house):
            instance.delay_s = 5.3
            assert await house.act(PLAY, "media_player.kitchen", remember=False) == DONE
            assert len(instance.requests) == 1

    run(story())


def test_a_service_that_takes_longer_is_not_called_again_nor_left_alone(token_file: Path) -> None:
    async def story() -> None:
        async with living(token_file, service_s=0.2) as (instance, house):
            instance.delay_s = 0.4
            for count in range(1, 8):
                assert await house.act(PLAY, "media_player.kitchen", remember=False) == SLOW
                assert len(instance.requests) == count
            instance.delay_s = 0.0
            assert await house.act("light.turn_on", LAMP, remember=False) == DONE

    run(story())


@contextlib.contextmanager
def unreachable() -> Iterator[int]:
    """A port where a connection is neither accepted nor refused, like that of a machine that is off."""
    with contextlib.ExitStack() as stack:
        listening = stack.enter_context(socket.socket())
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listening.getsockname())
        yield listening.getsockname()[1]


def test_a_machine_that_is_off_does_not_count_as_slow(token_file: Path) -> None:

    async def story() -> None:
        with unreachable() as port:
            house = House(HomeAssistant(f"http://127.0.0.1:{port}", str(token_file)), Http(connect_s=0.1))
            for _ in range(5):
                result = await house.act(PLAY, "media_player.kitchen", remember=False)
                assert "cannot be reached (no connection within 0.1 s); tried" in result
            assert "left alone since" in await house.act(PLAY, "media_player.kitchen", remember=False)
            await house.http.close()

    run(story())
