"""The HTTP API for the page and other programs: state, events, history, commands, metrics."""

import asyncio
import functools
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
from aiohttp import web
from msgspec import Struct

from device.errors import ActionError, LinkError, MienError, SettingsError
from device.hub.history.export import parse_since
from device.hub.history.time_slots import LOOK_BACK_S, split_into_slots
from device.hub.history.writer import History
from device.hub.setup_checks import check_setup
from device.hub.state.command_parser import parse_command
from device.hub.state.features import Command, describe_features
from device.hub.state.store import StateStore
from device.hub.web.responses import error, json
from device.hub.web.routes.csv_export import CsvExport
from device.hub.web.routes.event_stream import stream

_log = logging.getLogger(__name__)

MAX_HISTORIES = 2
"""Answers of /api/history that are built at the same time; each takes about 20 MB."""


class _CommandRequest(Struct, frozen=True, forbid_unknown_fields=True):
    feature: str
    value: str


_Handler = Callable[["Api", web.Request], Awaitable[web.StreamResponse]]


def _reads_history(handler: _Handler) -> _Handler:
    """A route that reads the history. Refuses a request for something impossible, and says why it cannot be read.

    Not for other routes: there, a MienError is a bug, which belongs in the log.
    """

    @functools.wraps(handler)
    async def handle(api: "Api", request: web.Request) -> web.StreamResponse:
        try:
            return await handler(api, request)
        except SettingsError as problem:
            return error(400, str(problem))
        except MienError as problem:
            return error(503, str(problem))

    return handle


@dataclass(eq=False)
class Api:
    """The routes of the API.

    `execute` carries out a command, and raises LinkError when sense is away. `render_metrics` returns the page for
    Prometheus and its content type, for an Accept header.
    """

    store: StateStore
    execute: Callable[[Command], Awaitable[bool]]
    """False: sense is away; the command is kept for it."""
    history: History
    render_metrics: Callable[[str], tuple[bytes, str]]
    state_dir: Path
    _histories: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MAX_HISTORIES))

    def __post_init__(self) -> None:
        self._csv = CsvExport(self.state_dir)

    def routes(self) -> list[web.RouteDef]:
        """For the server."""
        return [
            web.get("/healthz", self._get_health),
            web.get("/api/state", self._get_state),
            web.get("/api/features", self._get_features),
            web.get("/api/events", self._get_events),
            web.get("/api/history", self._get_history),
            web.get("/api/history/slots", self._get_slots),
            web.get("/api/history.csv", self._get_csv),
            web.get("/api/setup", self._get_setup),
            web.get("/metrics", self._get_metrics),
            web.post("/api/command", self._post_command),
        ]

    async def _get_health(self, _: web.Request) -> web.Response:
        now = self.store.now
        return json({"ok": now.available, "problems": now.problems()}, 200 if now.available else 503)

    async def _get_state(self, _: web.Request) -> web.Response:
        return json(self.store.now.as_json())

    async def _get_features(self, _: web.Request) -> web.Response:
        return json(describe_features(self.store.now))

    async def _get_events(self, request: web.Request) -> web.StreamResponse:
        return await stream(request, self.store)

    @_reads_history
    async def _get_history(self, request: web.Request) -> web.Response:
        since_s = parse_since(request.query.get("since", "24h"))
        async with self._histories:
            return json(await self.history.read(since_s))

    @_reads_history
    async def _get_slots(self, request: web.Request) -> web.Response:
        """How long each mood lasted, in slots of `step_s` seconds since `since` (as for the history)."""
        until_s = time.time()
        try:
            step_s = float(request.query.get("step_s", "3600"))
            since_s = parse_since(request.query.get("since", "24h"))
            result = await self.history.stream(
                since_s - LOOK_BACK_S, lambda entries: split_into_slots(entries, since_s, until_s, step_s)
            )
        except ValueError as problem:
            return error(400, str(problem))
        return json({"since_s": since_s, "until_s": until_s, "step_s": step_s, "slots": result})

    @_reads_history
    async def _get_csv(self, request: web.Request) -> web.StreamResponse:
        return await self._csv.answer(request, parse_since(request.query.get("since", "7d")))

    async def _get_setup(self, _: web.Request) -> web.Response:
        return json(await asyncio.to_thread(check_setup, self.store.now, self.state_dir))

    async def _get_metrics(self, request: web.Request) -> web.Response:
        content, kind = self.render_metrics(request.headers.get("Accept", ""))
        return web.Response(body=content, headers={"Content-Type": kind})

    async def _post_command(self, request: web.Request) -> web.Response:
        if request.content_type != "application/json":
            return error(415, "content type must be application/json")
        try:
            body = msgspec.json.decode(await request.read(), type=_CommandRequest)
        except (msgspec.DecodeError, RecursionError) as problem:
            return error(400, f'the body is not a command: {problem}; send {{"feature": "camera", "value": "OFF"}}')
        try:
            command = parse_command(body.feature, body.value.encode(), self.store.now)
        except ActionError as problem:
            return error(400, str(problem))
        try:
            is_sent = await self.execute(command)
        except (LinkError, ActionError) as problem:
            return error(409, f"nothing was done: {problem}")
        _log.info("page: %s %s", body.feature, body.value)
        return json({"sent": True}) if is_sent else json({"sent": False, "kept": True}, 202)
