"""Home Assistant over REST: its services, its token, and which calls are retried."""

import logging
from pathlib import Path
from typing import Any

import pytest

from device.hub.actions.base import DONE
from device.settings.actions.home_assistant import CallService, HomeAssistant
from tests.hub.actions.home_assistant_setup import LAMP, TOKEN, House, living
from tests.hub.actions.peers import busy, dropping, json_response, raw
from tests.hub.hub_running import run


def test_a_service_is_called_as_documented(token_file: Path) -> None:
    async def story() -> None:
        async with living(token_file) as (instance, house):
            assert house.services.state() == {}
            data: dict[str, Any] = {"brightness_pct": 40, "rgb_color": [255, 160, 0], "transition": 4}
            assert await house.act("light.turn_on", LAMP, remember=False, **data) == DONE
            assert await house.act("scene.apply", remember=False, entities={"light.x": "on"}) == DONE
            assert instance.calls() == [
                ("light/turn_on", {"entity_id": LAMP, **data}),
                ("scene/apply", {"entities": {"light.x": "on"}}),
            ]
            assert house.services.state() == {"service": "scene.apply", "entity": ""}

    run(story())


def test_a_refusal_is_reported_and_not_retried(token_file: Path) -> None:
    async def story() -> None:
        async with living(token_file) as (instance, house):
            assert await house.act("light.none") == (
                "Home Assistant: light.none was refused "
                "(answered 400: Service light.none not found.); does it have that?"
            )
            for answer in (
                busy(404),
                json_response([], 404),
                json_response({"message": 5}, 404),
                json_response({"message": "x" * 90_000}, 404),
            ):
                instance.faults = [answer]
                result = await house.act("light.turn_on", remember=False)
                assert result == "Home Assistant: light.turn_on was refused (answered 404); does it have that?"
            assert len(instance.requests) == 5
            instance.faults = [busy(503, Retry_After="1")]
            assert await house.act("light.turn_on", LAMP, remember=False) == DONE

    run(story())


def test_the_token_is_read_for_each_call_and_never_logged(token_file: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    def put(content: bytes | None) -> None:
        token_file.unlink(missing_ok=True)
        if content is not None:
            token_file.write_bytes(content)

    async def story() -> list[str]:
        async with living(token_file) as (_, house):
            results = []
            for content in (b"an-old-token", b"two\nlines", None, b"\xff\xfe", TOKEN.encode()):
                put(content)
                results.append(await house.act("light.turn_on", LAMP))
            return results

    old, lines, gone, binary, well = run(story())
    assert old == (
        "Home Assistant: the token is not accepted (answered 401); make a long-lived one in your profile there, "
        f"and write it to {token_file}"
    )
    assert lines == f"{token_file}: Home Assistant's token should stand there alone, on one line"
    assert "cannot be read (No such file or directory)" in gone
    assert "cannot be read (it is not UTF-8 text" in binary
    assert well == DONE
    for secret in (TOKEN, "an-old-token", "two\n"):
        assert secret not in caplog.text + old + lines


def test_a_service_that_is_not_idempotent_is_called_once(token_file: Path) -> None:
    async def story() -> None:
        services: tuple[tuple[str, dict[str, Any], int], ...] = (
            ("light.toggle", {}, 1),
            ("light.turn_on", {"brightness_step_pct": 10}, 1),
            ("script.turn_on", {}, 1),
            ("light.turn_on", {}, 2),
        )
        for service, data, times in services:
            async with raw(dropping) as (port, came_s):
                house = House(HomeAssistant(f"http://127.0.0.1:{port}", str(token_file)))
                assert "the connection broke off" in await house.act(service, LAMP, remember=False, **data)
                assert min(len(came_s), 2) == times, service
                await house.http.close()

    run(story())


def test_which_services_are_idempotent() -> None:
    states = "light.turn_on light.turn_off media_player.play_media media_player.volume_set climate.set_temperature"
    events = (
        "light.toggle notify.me script.turn_on automation.turn_on media_player.volume_up media_player.media_next_track"
    )
    assert all(CallService(service, LAMP).idempotent for service in states.split())
    assert not any(CallService(service, LAMP).idempotent for service in events.split())
    assert CallService("light.turn_on", LAMP).target == CallService("light.turn_off", LAMP).target
    volume, media = CallService("media_player.volume_set", "media_player.x"), "media_player.play_media"
    assert volume.target != CallService(media, "media_player.x").target
    assert CallService("notify.me", "notify.me").target is None
    assert CallService("scene.turn_on").target is None
