"""A POST of JSON to any address, signed."""

import functools
import hashlib
import hmac
import time
from collections.abc import Callable
from typing import Any

from device.errors import ActionError
from device.hub.actions.base import Destination, LastState, Resources, Trigger
from device.hub.actions.transport.delivery import Delivery
from device.hub.actions.transport.http import Http, encode_json, parse_url
from device.settings.actions.webhook import Webhook, Webhooks
from device.system.secrets import read_secret


def build(resources: Resources) -> dict[type[Any], Destination[Any]]:
    """Always there."""
    return {Webhook: SignedWebhooks(resources.settings.webhooks, resources.http)}


class SignedWebhooks(LastState):
    """Any number of receivers; those on one host and port share their limits."""

    def __init__(
        self,
        settings: Webhooks,
        http: Http,
        delivery: Callable[..., Delivery] = Delivery,
        now_utc_s: Callable[[], float] = time.time,
    ) -> None:
        self._secret_file = settings.secret_file
        self._http = http
        self._delivery = functools.cache(delivery)
        self._now_utc_s = now_utc_s

    async def run(self, action: Webhook, trigger: Trigger) -> None:
        """Returns when the receiver has answered with 2xx; the body is not read. Raises ActionError.

        A retry sends the same timestamp and signature, so that a receiver can recognise it.
        """
        url = parse_url("webhook", action.url)
        where = f"{url.host}:{url.port}"  # the rest of an address may be a secret
        name = f"webhook to {where}"
        body = encode_json({**trigger.as_json(), "data": action.data})
        headers = self._sign(body)

        async def attempt() -> None:
            async with self._http.request(name, "POST", url, headers=headers, body=body) as response:
                if response.status >= 400:
                    raise ActionError(f"{name}: refused it (answered {response.status}); is its address right?")

        await self._delivery(name).run(attempt)
        self._state = {"to": where}

    def _sign(self, body: bytes) -> dict[str, str]:
        """X-Mien-Timestamp, and X-Mien-Signature: HMAC-SHA256 over `timestamp.body`, if there is a secret."""
        timestamp = str(int(self._now_utc_s()))
        headers = {"X-Mien-Timestamp": timestamp}
        if self._secret_file:
            secret = read_secret(self._secret_file, "the secret of the webhooks")
            signature = hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()
            headers["X-Mien-Signature"] = f"sha256={signature}"
        return headers
