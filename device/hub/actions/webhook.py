"""A POST of JSON to any address, signed."""

import hashlib
import hmac
import time
from collections.abc import Callable
from typing import Any

from device.errors import ActionError
from device.hub.actions.base import Trigger
from device.hub.actions.transport.delivery import Delivery
from device.hub.actions.transport.http import Http, address, encoded
from device.settings.actions import Webhook, Webhooks
from device.system.secrets import read_secret


class SignedWebhooks:
    """Any number of receivers; those on one machine share their limits."""

    def __init__(
        self,
        settings: Webhooks,
        http: Http,
        delivery: Callable[..., Delivery] = Delivery,
        now_utc_s: Callable[[], float] = time.time,
    ) -> None:
        self._secret_file = settings.secret_file
        self._http = http
        self._make = delivery
        self._now_utc_s = now_utc_s
        self._deliveries: dict[str, Delivery] = {}
        self._state: dict[str, Any] = {}

    async def run(self, action: Webhook, occasion: Trigger) -> None:
        """Returns when the receiver has answered with 2xx; what it says beside that is not read. Raises ActionError.

        Tried again, the same is sent, its timestamp and signature too: a receiver knows it again by them.
        """
        url = address("webhook", action.url)
        where = f"{url.host}:{url.port}"  # the rest of an address may be a secret
        name = f"webhook to {where}"
        body = encoded({**occasion.as_json(), "data": action.data})
        headers = self._signed(body)

        async def attempt() -> None:
            async with self._http.ask(name, "POST", url, headers=headers, body=body) as answer:
                if answer.status >= 400:
                    raise ActionError(f"{name}: refused it (answered {answer.status}); is its address right?")

        if where not in self._deliveries:
            self._deliveries[where] = self._make(name)
        await self._deliveries[where].run(attempt)
        self._state = {"to": where}

    def state(self) -> dict[str, Any]:
        """The last receiver: `{"to": "host:port"}`; empty before the first."""
        return dict(self._state)

    def _signed(self, body: bytes) -> dict[str, str]:
        """X-Mien-Timestamp, and X-Mien-Signature: HMAC-SHA256 over `timestamp.body`, if there is a secret."""
        timestamp = str(int(self._now_utc_s()))
        headers = {"X-Mien-Timestamp": timestamp}
        if self._secret_file:
            secret = read_secret(self._secret_file, "the secret of the webhooks")
            signature = hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()
            headers["X-Mien-Signature"] = f"sha256={signature}"
        return headers
