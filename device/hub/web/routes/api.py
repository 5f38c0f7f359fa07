"""What other programs and the page itself ask over HTTP: state, events, history, commands, metrics."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
from aiohttp import web
from msgspec import Struct

from device.errors import ActionError, LinkError, MienError, SettingsError
from device.hub.history.export import parse_since, to_csv
from device.hub.history.time_slots import BEFORE_S, slots
from device.hub.history.writer import History
from device.hub.setup_checks import check_setup
from device.hub.state.features import Command, described, parse_command
from device.hub.state.store import StateStore
from device.hub.web.responses import error, json
from device.hub.web.routes.event_stream import stream

_log = logging.getLogger(__name__)

MAX_CSV = 50_000
"""Rows of a table, some 60 MB of memory for as long as it is made; `mien history --csv` gives more."""


class _Asked(Struct, frozen=True, forbid_unknown_fields=True):
    feature: str
    value: str


class Api:
    """`obey` does what is wished and raises LinkError when sense is away.

    `metrics` makes the page for Prometheus, and its content type, for a header `Accept`.
    """

    def __init__(
        self,
        board: StateStore,
        obey: Callable[[Command], Awaitable[None]],
        history: History,
        metrics: Callable[[str], tuple[bytes, str]],
        state_dir: Path,
    ) -> None:
        self._board = board
        self._obey = obey
        self._past = history
        self._metrics = metrics
        self._state_dir = state_dir

    def routes(self) -> list[web.RouteDef]:
        """For the server."""
        return [
            web.get("/healthz", self._health),
            web.get("/api/state", self._state),
            web.get("/api/features", self._features),
            web.get("/api/events", self._events),
            web.get("/api/history", self._history),
            web.get("/api/history/slots", self._slots),
            web.get("/api/history.csv", self._csv),
            web.get("/api/setup", self._setup),
            web.get("/metrics", self._exposition),
            web.post("/api/command", self._command),
        ]

    async def _health(self, _: web.Request) -> web.Response:
        now = self._board.now
        return json({"ok": now.available, "problems": now.problems()}, 200 if now.available else 503)

    async def _state(self, _: web.Request) -> web.Response:
        return json(self._board.now.as_json())

    async def _features(self, _: web.Request) -> web.Response:
        return json(described(self._board.now))

    async def _events(self, request: web.Request) -> web.StreamResponse:
        return await stream(request, self._board)

    async def _history(self, request: web.Request) -> web.Response:
        try:
            since_s = parse_since(request.query.get("since", "24h"))
        except SettingsError as problem:
            return error(400, str(problem))
        try:
            return json(await self._past.rows(since_s))
        except MienError as problem:
            return error(503, str(problem))

    async def _slots(self, request: web.Request) -> web.Response:
        """How long each mood held, by `step_s` seconds since `since` (a time, as of the history)."""
        until_s = time.time()
        try:
            step_s = float(request.query.get("step_s", "3600"))
            since_s = parse_since(request.query.get("since", "24h"))
            found = await self._past.over(since_s - BEFORE_S, lambda entries: slots(entries, since_s, until_s, step_s))
        except (SettingsError, ValueError) as problem:
            return error(400, str(problem))
        except MienError as problem:
            return error(503, str(problem))
        return json({"since_s": since_s, "until_s": until_s, "step_s": step_s, "slots": found})

    async def _csv(self, request: web.Request) -> web.Response:
        try:
            rows = await self._past.rows(parse_since(request.query.get("since", "7d")), MAX_CSV)
        except SettingsError as problem:
            return error(400, str(problem))
        except MienError as problem:
            return error(503, str(problem))
        headers = {"Content-Disposition": 'attachment; filename="mien.csv"'}
        return web.Response(text=await asyncio.to_thread(to_csv, rows), content_type="text/csv", headers=headers)

    async def _setup(self, _: web.Request) -> web.Response:
        return json(await asyncio.to_thread(check_setup, self._board.now, self._state_dir))

    async def _exposition(self, request: web.Request) -> web.Response:
        body, kind = self._metrics(request.headers.get("Accept", ""))
        return web.Response(body=body, headers={"Content-Type": kind})

    async def _command(self, request: web.Request) -> web.Response:
        if request.content_type != "application/json":
            return error(415, "content type must be application/json")
        try:
            asked = msgspec.json.decode(await request.read(), type=_Asked)
        except (msgspec.DecodeError, RecursionError) as problem:
            return error(400, f'not understood: {problem}; send {{"feature": "camera", "value": "OFF"}}')
        try:
            wish = parse_command(asked.feature, asked.value.encode(), self._board.now)
        except ActionError as problem:
            return error(400, str(problem))
        try:
            await self._obey(wish)
        except (LinkError, ActionError) as problem:
            return error(409, f"nothing was done: {problem}")
        _log.info("page: %s %s", asked.feature, asked.value)
        return json({"sent": True})
