"""Webhooks, with a receiver that verifies the signature over the raw body."""

import hashlib
import hmac
import time
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pytest
from aiohttp import web

from device.errors import ActionError
from device.hub.actions.base import DONE, Trigger
from device.hub.actions.dispatcher import ActionDispatcher
from device.hub.actions.transport.http import Http
from device.hub.actions.webhook import SignedWebhooks
from device.settings.actions.webhook import Webhook, Webhooks
from tests.hub.actions.peers import LATER, WHY, Clock, Peer, Request, busy, http_reply, raw
from tests.hub.conftest import free_port
from tests.hub.hub_running import run

SECRET = "a secret between the two"  # noqa: S105


@dataclass
class Receiver(Peer):
    good: list[Request] = field(default_factory=list)

    async def answer(self, request: Request) -> web.Response:
        timestamp = request.headers["X-Mien-Timestamp"]
        mac = hmac.new(SECRET.encode(), timestamp.encode() + b"." + request.body, hashlib.sha256)
        if not hmac.compare_digest(request.headers.get("X-Mien-Signature", ""), f"sha256={mac.hexdigest()}"):
            return web.Response(status=401)
        if abs(time.time() - int(timestamp)) > 60:
            return web.Response(status=400)
        self.good.append(request)
        return web.Response(status=204)


@pytest.fixture
def secret_file(tmp_path: Path) -> Path:
    path = tmp_path / "secret"
    path.write_text(SECRET + "\n")
    return path


async def post(url: str, file: str | Path = "", trigger: Trigger = WHY, **data: object) -> str:
    http = Http()
    try:
        hooks = SignedWebhooks(Webhooks(str(file)), http, Clock().make_deliveries(per_s=500.0))
        return await ActionDispatcher({Webhook: hooks}).run(Webhook(url, data), trigger)
    finally:
        await http.close()


def test_the_mood_arrives_signed(secret_file: Path) -> None:
    async def story() -> Request:
        async with Receiver() as receiver:
            assert await post(f"http://{receiver.host}/hook?key=k", secret_file, room="bath", n=3) == DONE
            return receiver.good[0]

    request = run(story())
    assert request.headers["Content-Type"] == "application/json"
    body = request.json
    assert (body["rule"], body["why"], body["time"]) == (
        "comfort",
        "sad 71 % for 5 s",
        "2027-01-15T08:00:00.000+00:00",
    )
    assert body["data"] == {"room": "bath", "n": 3}
    mood = body["mood"]
    assert (mood["emotion"], mood["confidence"], mood["people"]) == ("sad", 0.71, 1)
    assert (mood["valence"], mood["arousal"]) == (-0.5, -0.25)
    assert list(mood["probabilities"]) == ["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"]
    assert sum(mood["probabilities"].values()) == pytest.approx(1, abs=1e-3)


def test_without_people_the_mood_is_null_and_without_a_secret_it_is_unsigned() -> None:
    async def story() -> Request:
        async with Peer() as peer:
            empty = msgspec.structs.replace(WHY, mood=None)
            assert await post(f"http://{peer.host}/", trigger=empty) == DONE
            return peer.requests[0]

    request = run(story())
    assert request.json["mood"] is None
    assert "X-Mien-Timestamp" in request.headers
    assert "X-Mien-Signature" not in request.headers


def test_another_secret_is_refused_and_not_retried(secret_file: Path) -> None:
    secret_file.write_text("another")

    async def story() -> None:
        async with Receiver() as receiver:
            result = await post(f"http://{receiver.host}/hidden-path?key=k", secret_file)
            assert result == f"webhook to {receiver.host}: refused it (answered 401); is its address right?"
            assert len(receiver.requests) == 1

    run(story())


def test_a_retry_sends_the_same_message(secret_file: Path) -> None:
    async def story() -> None:
        async with Receiver() as receiver:
            receiver.faults = [busy(503), busy(502)]
            assert await post(f"http://{receiver.host}/", secret_file) == DONE
            assert len({(request.headers["X-Mien-Signature"], request.body) for request in receiver.requests}) == 1
            assert len(receiver.requests) == 3

    run(story())


def test_a_redirect_is_not_followed(secret_file: Path) -> None:
    async def story() -> None:
        async with Receiver() as receiver, Peer() as elsewhere:
            for status in (301, 302, 303, 307, 308):
                receiver.faults = [busy(status, Location=f"http://{elsewhere.host}/")]
                assert f"(answered {status}), which is not followed" in await post(
                    f"http://{receiver.host}/", secret_file
                )
            assert elsewhere.requests == []

    run(story())


def test_the_answer_of_the_receiver_is_not_read() -> None:
    async def story() -> None:
        endless = http_reply("HTTP/1.1 200 OK\nContent-Length: 999999999", b"x" * 3_000_000)
        async with raw(endless) as (port, came_s):
            began_s = time.monotonic()
            assert await post(f"http://127.0.0.1:{port}/") == DONE
            assert time.monotonic() - began_s < 2
            assert len(came_s) == 1

    run(story())


def test_the_secret_in_an_address_is_never_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")

    async def story() -> list[str]:
        port = free_port()
        async with Peer() as peer:
            peer.faults = [busy(404)]
            refused = await post(f"http://me:pass-word@{peer.host}/services/s3cret?token=s3cret")
        return [refused, await post(f"http://127.0.0.1:{port}/services/s3cret?token=s3cret")]

    refused, away = run(story())
    assert "refused it (answered 404)" in refused
    assert "cannot be reached" in away
    for text in (refused, away, caplog.text):
        assert "s3cret" not in text
        assert "pass-word" not in text


def test_without_its_secret_file_nothing_is_sent(tmp_path: Path) -> None:
    async def story() -> None:
        async with Peer() as peer:
            assert "none: the secret of the webhooks cannot be read" in await post(
                f"http://{peer.host}/", tmp_path / "none"
            )
            assert peer.requests == []

    run(story())


def test_receivers_have_separate_limits_and_every_message_is_sent() -> None:
    async def story() -> None:
        http = Http()
        async with Peer() as one, Peer() as other:
            hooks = SignedWebhooks(Webhooks(), http, Clock().make_deliveries(per_s=500.0))
            both = ActionDispatcher({Webhook: hooks})
            one.faults = [busy(503) for _ in range(100)]
            for _ in range(5):
                assert "busy" in await both.run(Webhook(f"http://{one.host}/"), WHY)
            assert "left alone since" in await both.run(Webhook(f"http://{one.host}/x"), WHY)
            assert [await both.run(Webhook(f"http://{other.host}/"), which) for which in (WHY, LATER)] == [DONE, DONE]
            assert len(other.requests) == 2
            assert both.state(Webhook) == {"to": other.host}
            await http.close()

    run(story())


def test_an_invalid_address_is_reported() -> None:
    async def story() -> None:
        with pytest.raises(ActionError, match="webhook: not an address"):
            await SignedWebhooks(Webhooks(), Http()).run(Webhook("http://host:99999999/"), WHY)

    run(story())
