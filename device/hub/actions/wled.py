"""WLED light strips, over their JSON API. Source: kno.wled.ge, "JSON API"."""

from collections.abc import Callable
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta, Struct

from device.errors import ActionError
from device.hub.actions.base import Trigger
from device.hub.actions.colour import rgb
from device.hub.actions.restore.previous_state import Look, PreviousState
from device.hub.actions.transport.delivery import Delivery
from device.hub.actions.transport.http import Http, address, encoded
from device.settings.actions import Wled, target_of_action

T = TypeVar("T")

SETTLE_S = 1.0
_Byte = Annotated[int, Meta(ge=0, le=255)]
_MAX_SEGMENTS = 64


class Segment(Struct, frozen=True, omit_defaults=True):
    """A part of the strip; only what bringing it back needs. None: this version does not tell."""

    id: Annotated[int, Meta(ge=0, le=255)] | None = None
    start: int | None = None
    stop: int | None = None
    grp: int | None = None
    spc: int | None = None
    of: int | None = None
    on: bool | None = None
    bri: _Byte | None = None
    cct: int | None = None
    col: tuple[tuple[_Byte, ...], ...] | None = None
    """Up to three colours, each red, green, blue and perhaps white."""
    fx: int | None = None
    """The effect, with its speed, its intensity and its palette."""
    sx: int | None = None
    ix: int | None = None
    pal: int | None = None
    sel: bool | None = None
    rev: bool | None = None
    mi: bool | None = None

    @property
    def colour(self) -> str:
        """Its first, `#rrggbb`; empty where it has none."""
        return "#{:02x}{:02x}{:02x}".format(*self.col[0][:3]) if self.col and len(self.col[0]) >= 3 else ""


class State(Struct, frozen=True):
    """`GET /json/state`, as far as it matters."""

    on: bool
    bri: _Byte
    transition: Annotated[int, Meta(ge=0, le=65_535)] = 7
    """Tenths of a second."""
    ps: int = -1
    """The preset that holds; -1: none."""
    seg: Annotated[tuple[Segment, ...], Meta(max_length=_MAX_SEGMENTS)] = ()

    def look(self) -> Look:
        """How the strip is."""
        look: Look = {"on": self.on, "brightness": self.bri / 2.55, "preset": self.ps}
        if colours := [one.colour for one in self.seg if one.colour]:
            look["colours"] = colours
        return look


class _Said(Struct, frozen=True):
    """Of a POST: an error's number, or nothing that matters."""

    error: int | None = None


class WledStrips:
    """Any number of strips; each has limits of its own."""

    def __init__(self, http: Http, delivery: Callable[..., Delivery] = Delivery) -> None:
        self._http = http
        self._make = delivery
        self._deliveries: dict[str, Delivery] = {}
        self._state: dict[str, Any] = {}

    async def run(self, action: Wled, _occasion: Trigger) -> None:
        """Returns when the strip has taken it. Raises ActionError."""
        # `transition` would be everybody's from then on.
        command: dict[str, Any] = {"tt": round(10 * action.transition_s)}
        if action.preset:
            command["ps"] = action.preset
        elif not action.brightness:
            command["on"] = False
        else:
            command |= {"on": True, "bri": max(1, round(255 * action.brightness / 100))}
            if action.colour:
                command["seg"] = _coloured(await self._get(action.host), action.colour)
        await self._post(action.host, command)
        look = {"preset": action.preset} if action.preset else {"brightness": action.brightness}
        self._state = {"host": action.host, **look, "colour": action.colour}

    def state(self) -> dict[str, Any]:
        """The last strip, with `brightness` or `preset`, and `colour`; empty before the first."""
        return dict(self._state)

    async def former(self, action: Wled) -> tuple[PreviousState, ...]:
        """Of the strip with all its segments."""
        state = await self._get(action.host)
        asked: Look = {"on": True, "brightness": float(action.brightness), "preset": None}
        if action.preset:
            asked = {"preset": action.preset}
        elif not action.brightness:
            asked = {"on": False}
        elif action.colour:
            asked["colours"] = [action.colour.lower() for one in state.seg if one.colour] or None
        alone = bool(action.preset) or not action.brightness
        target, settle_s = target_of_action(action) or "", action.transition_s + SETTLE_S
        return (PreviousState(target, state.look(), asked, alone=alone, settle_s=settle_s, more=state),)

    async def restore(self, former: PreviousState) -> None:
        """The strip as it was; segments that came since are removed. Raises ActionError."""
        host, was = former.target.removeprefix("wled "), former.more
        there = {one.id for one in (await self._get(host)).seg if one.id is not None}
        gone = sorted(there - {one.id for one in was.seg})
        segments = [*msgspec.to_builtins(was.seg), *({"id": number, "stop": 0} for number in gone)]
        command = {"on": was.on, "bri": was.bri, "transition": was.transition, "seg": segments}
        await self._post(host, {"ps": was.ps} | command if was.ps > 0 else command)

    async def _post(self, host: str, command: dict[str, Any]) -> None:
        said = await self._ask(host, "POST", _Said, encoded(command))
        if said.error is not None:
            raise ActionError(f"WLED {host}: refused it (error {said.error})")

    async def _get(self, host: str) -> State:
        return await self._ask(host, "GET", State)

    async def _ask(self, host: str, method: str, kind: type[T], body: bytes | None = None) -> T:
        name = f"WLED {host}"
        url = address(name, f"http://{host}/json/state")

        async def attempt() -> T:
            async with self._http.ask(name, method, url, body=body) as answer:
                if answer.status >= 400:
                    raise ActionError(f"{name}: refused it (answered {answer.status}); is that a WLED?")
                return await answer.decoded(kind)

        if host not in self._deliveries:
            self._deliveries[host] = self._make(name, parallel=1, per_s=5.0)  # a small chip with one radio
        return await self._deliveries[host].run(attempt)


def _coloured(state: State, colour: str) -> list[dict[str, Any]] | dict[str, Any]:
    """For each segment by its number: a list without numbers would begin at the first, and end there.

    Where they have no numbers, for all that are selected.
    """
    look = {"col": [list(rgb(colour))]}
    return [{"id": one.id} | look for one in state.seg if one.id is not None] or look
