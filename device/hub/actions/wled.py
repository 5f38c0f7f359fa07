"""WLED light strips, over their JSON API. Source: kno.wled.ge, "JSON API"."""

import functools
from collections.abc import Callable
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta, Struct

from device.errors import ActionError
from device.hub.actions.base import Destination, LastState, Resources, Trigger
from device.hub.actions.colour import parse_rgb
from device.hub.actions.restore.previous_state import PreviousState, TargetState
from device.hub.actions.transport.delivery import Delivery
from device.hub.actions.transport.http import Http, encode_json, parse_url
from device.settings.actions.wled import Wled

T = TypeVar("T")

SETTLE_S = 1.0
"""The time after a transition until the strip reports its new state."""
_Byte = Annotated[int, Meta(ge=0, le=255)]


def build(resources: Resources) -> dict[type[Any], Destination[Any]]:
    """Always there: each action names its strip."""
    return {Wled: WledStrips(resources.http)}


class Segment(Struct, frozen=True, omit_defaults=True):
    """A part of the strip; only the fields that a restore needs. None: this version of WLED does not report it."""

    id: _Byte | None = None
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
        """Its first colour, `#rrggbb`; empty if it has none."""
        return "#{:02x}{:02x}{:02x}".format(*self.col[0][:3]) if self.col and len(self.col[0]) >= 3 else ""


class State(Struct, frozen=True):
    """`GET /json/state`, only the fields used here."""

    on: bool
    bri: _Byte
    transition: Annotated[int, Meta(ge=0, le=65_535)] = 7
    """Tenths of a second."""
    ps: int = -1
    """The active preset; -1: none."""
    seg: Annotated[tuple[Segment, ...], Meta(max_length=64)] = ()

    def as_target_state(self) -> TargetState:
        """The strip's state."""
        state: TargetState = {"on": self.on, "brightness": self.bri / 2.55, "preset": self.ps}
        if colours := [one.colour for one in self.seg if one.colour]:
            state["colours"] = colours
        return state


class _PostAnswer(Struct, frozen=True):
    """The answer to a POST."""

    error: int | None = None


class WledStrips(LastState):
    """Any number of strips, each with limits of its own."""

    previous_type = State

    def __init__(self, http: Http, delivery: Callable[..., Delivery] = Delivery) -> None:
        self._http = http
        # A small chip with one radio.
        self._delivery = functools.cache(functools.partial(delivery, parallel=1, per_s=5.0))

    async def run(self, action: Wled, _trigger: Trigger) -> None:
        """Return when the strip has accepted the command. Raises ActionError."""
        # `tt` applies to this command only; `transition` would change the default for every client.
        command: dict[str, Any] = {"tt": round(10 * action.transition_s)}
        if action.preset:
            command["ps"] = action.preset
        elif not action.brightness:
            command["on"] = False
        else:
            command |= {"on": True, "bri": max(1, round(255 * action.brightness / 100))}
            if action.colour:
                command["seg"] = _colour_segments(await self._request(action.host, State), action.colour)
        await self._post(action.host, command)
        look = {"preset": action.preset} if action.preset else {"brightness": action.brightness}
        self._state = {"host": action.host, **look, "colour": action.colour}

    async def capture_state(self, action: Wled) -> tuple[PreviousState, ...]:
        """The strip with all its segments."""
        state = await self._request(action.host, State)
        requested: TargetState = {"on": True, "brightness": float(action.brightness), "preset": None}
        if action.preset:
            requested = {"preset": action.preset}
        elif not action.brightness:
            requested = {"on": False}
        elif action.colour:
            requested["colours"] = [action.colour.lower() for one in state.seg if one.colour] or None
        previous = PreviousState(
            action.target,
            state.as_target_state(),
            requested,
            is_complete=bool(action.preset) or not action.brightness,
            settle_s=action.transition_s + SETTLE_S,
            details=state,
        )
        return (previous,)

    async def restore(self, previous: PreviousState) -> None:
        """Restore the strip, and remove segments that are new since. Raises ActionError."""
        host, state = previous.target.removeprefix("wled "), previous.details
        ids_now = {one.id for one in (await self._request(host, State)).seg if one.id is not None}
        new_ids = sorted(ids_now - {one.id for one in state.seg})
        segments = [*msgspec.to_builtins(state.seg), *({"id": number, "stop": 0} for number in new_ids)]
        command = {"on": state.on, "bri": state.bri, "transition": state.transition, "seg": segments}
        await self._post(host, {"ps": state.ps} | command if state.ps > 0 else command)

    async def _post(self, host: str, command: dict[str, Any]) -> None:
        answer = await self._request(host, _PostAnswer, command)
        if answer.error is not None:
            raise ActionError(f"WLED {host}: refused it (error {answer.error})")

    async def _request(self, host: str, kind: type[T], command: dict[str, Any] | None = None) -> T:
        """The answer to a POST of `command`, or to a GET if there is none."""
        name = f"WLED {host}"
        url = parse_url(name, f"http://{host}/json/state")

        async def attempt() -> T:
            body = encode_json(command) if command else None
            async with self._http.request(name, "POST" if command else "GET", url, body=body) as response:
                if response.status >= 400:
                    raise ActionError(f"{name}: refused it (answered {response.status}); is that a WLED?")
                return await response.decode(kind)

        return await self._delivery(name).run(attempt)


def _colour_segments(state: State, colour: str) -> list[dict[str, Any]] | dict[str, Any]:
    """The colour for each segment by its number: WLED would apply a list without numbers to the first ones only.

    If the segments have no numbers, one dict for all that are selected.
    """
    look = {"col": [list(parse_rgb(colour))]}
    return [{"id": one.id} | look for one in state.seg if one.id is not None] or look
