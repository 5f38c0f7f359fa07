"""Services of Home Assistant, over REST; its lights can be brought back."""

import contextlib
from collections.abc import Callable
from typing import Annotated, Any

from msgspec import Meta, Struct
from yarl import URL

from device import destinations
from device.destinations import CallService
from device.errors import ActionError
from device.hub.actions.delivery import Delivery
from device.hub.actions.former import Former
from device.hub.actions.home_assistant_lights import Entity, asked_of, former_of, restoring
from device.hub.actions.http import Answer, Http, address, encoded, plain_text
from device.hub.actions.occasion import Occasion
from device.hub.actions.secret import read_secret
from device.hub.actions.targets import comes_back, repeatable

_NAME = "Home Assistant"
SERVICE_S = 12.0
"""It answers when the service is through, which takes its time where a speaker wakes up or a script waits."""
_MOST_MEMBERS = 32
"""Of a group of lights, with those of the groups in it."""


class _Refusal(Struct):
    """What it says with a status of 400 and more."""

    message: Annotated[str, Meta(max_length=10_000)] = ""


class HomeAssistantServices:
    """One Home Assistant; its token is read anew each time, so that a corrected file needs no restart."""

    def __init__(
        self, there: destinations.HomeAssistant, http: Http, delivery: Callable[..., Delivery] = Delivery
    ) -> None:
        self._there = there
        self._http = http
        # A few that take long must not keep the lights waiting.
        self._delivery = delivery(_NAME, parallel=8, attempt_s=5.0, whole_s=SERVICE_S + 1)
        self._state: dict[str, Any] = {}

    async def run(self, action: CallService, _occasion: Occasion) -> None:
        """Returns when it has carried out the service. Raises ActionError."""
        about = action.data | ({"entity_id": action.entity} if action.entity else {})
        await self._call(action.service, about)
        self._state = {"service": action.service, "entity": action.entity}

    def state(self) -> dict[str, Any]:
        """The last service called: `{"service", "entity"}`; empty before the first."""
        return dict(self._state)

    async def former(self, action: CallService) -> tuple[Former, ...]:
        """Of a light that is to be turned on or off, or of each light of such a group; of nothing else."""
        if not comes_back(action):
            return ()
        lights = await self._lights(action.entity)
        return tuple(former_of(one, asked_of(action, one), action.data) for one in lights if one.reachable)

    async def restore(self, former: Former) -> None:
        """Turn the light on as it was, or off. Raises ActionError."""
        await self._call(*restoring(former))

    async def _lights(self, entity: str) -> list[Entity]:
        """The light; of a group, its lights, and those of the groups in it, each once."""
        found: list[Entity] = []
        left, seen = [entity], {entity}
        while left:
            one = await self._entity(left.pop(0))
            members = [member for member in one.attributes.entity_id if member.startswith("light.")]
            if not members:
                found.append(one)
            new = [member for member in dict.fromkeys(members) if member not in seen][: _MOST_MEMBERS + 1 - len(seen)]
            left += new
            seen.update(new)
        return found

    async def _call(self, service: str, about: dict[str, Any]) -> None:
        domain, _, verb = service.partition(".")

        async def attempt() -> None:
            async with self._http.ask(
                _NAME,
                "POST",
                self._url(f"api/services/{domain}/{verb}"),
                headers=self._headers(),
                body=encoded(about),
            ) as answer:
                # Its body, all states that changed, may be long, and tells nothing more.
                await self._check(answer, service)

        gently = repeatable(service) and not any("step" in key for key in about)
        await self._delivery.run(attempt, repeatable=gently, work_s=SERVICE_S)

    async def _entity(self, entity: str) -> Entity:
        async def attempt() -> Entity:
            url = self._url(f"api/states/{entity}")
            async with self._http.ask(_NAME, "GET", url, headers=self._headers()) as answer:
                await self._check(answer, entity)
                return await answer.decoded(Entity)

        return await self._delivery.run(attempt)

    async def _check(self, answer: Answer, what: str) -> None:
        """Raises ActionError where it was refused."""
        if answer.status < 300:
            return
        if answer.status in (401, 403):
            raise ActionError(
                f"{_NAME}: the token is not taken (answered {answer.status}); make a long-lived one in your profile "
                f"there, and write it to {self._there.token_file}"
            )
        said = ""
        with contextlib.suppress(ActionError):  # a refusal needs no reason
            said = (await answer.decoded(_Refusal)).message
        reason = f": {plain_text(said)}" if said else ""
        raise ActionError(f"{_NAME}: {what} was refused (answered {answer.status}{reason}); does it have that?")

    def _url(self, path: str) -> URL:
        return address(_NAME, f"{self._there.url.rstrip('/')}/{path}")

    def _headers(self) -> dict[str, str]:
        token = read_secret(self._there.token_file, "Home Assistant's token")
        return {"Authorization": f"Bearer {token}"}
