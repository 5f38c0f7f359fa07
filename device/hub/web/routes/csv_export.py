"""The history as CSV, however long it is: read, sent and forgotten piece by piece."""

import asyncio
import contextlib
import logging
from pathlib import Path

from aiohttp import web

from device.errors import MienError
from device.hub.history.export import csv_pieces
from device.hub.history.reader import iterate
from device.hub.web.limits import LIMITS
from device.hub.web.responses import error

_log = logging.getLogger(__name__)

MAX_EXPORTS = 4
"""Exports that are sent at the same time; the others wait."""
EXPORT_S = 600.0
"""Reading holds the file's write-ahead log, so nobody may read for longer."""
_HEADERS = {"Content-Type": "text/csv; charset=utf-8", "Content-Disposition": 'attachment; filename="mien.csv"'}


class CsvExport:
    """Answers requests for the history of `state_dir`."""

    def __init__(self, state_dir: Path) -> None:
        self._state_dir = state_dir
        self._places = asyncio.Semaphore(MAX_EXPORTS)

    async def answer(self, request: web.Request, since_s: float) -> web.StreamResponse:
        """Everything since `since_s` (UTC seconds since 1970). Raises MienError when the history cannot be read."""
        if request.method == "HEAD":
            return web.Response(headers=_HEADERS)
        try:
            async with asyncio.timeout(request.app[LIMITS].export_wait_s):
                await self._places.acquire()
        except TimeoutError:
            return error(503, "too many exports at the same time; try again later", {"Retry-After": "60"})
        try:
            return await self._send(request, since_s)
        finally:
            self._places.release()

    async def _send(self, request: web.Request, since_s: float) -> web.StreamResponse:
        pieces = csv_pieces(iterate(self._state_dir, since_s))
        response = web.StreamResponse(headers=_HEADERS)
        try:
            piece = await asyncio.to_thread(next, pieces, "")  # raises before anything is sent
            await response.prepare(request)
            async with asyncio.timeout(EXPORT_S):
                while piece:
                    async with asyncio.timeout(request.app[LIMITS].stuck_timeout_s):
                        await response.write(piece.encode())
                    piece = await asyncio.to_thread(next, pieces, "")
            await response.write_eof()
        except (ConnectionError, TimeoutError, MienError) as problem:
            if not response.prepared:
                raise
            _log.info("page: an export ended early (%s)", problem or "its reader does not read")
            if request.transport:
                request.transport.abort()  # a clean end would look like the whole table
        finally:
            with contextlib.suppress(ValueError):  # a thread is still reading: it ends by itself
                pieces.close()
        return response
