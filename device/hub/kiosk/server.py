"""The page's server: where it listens, what it serves, and behind which guard."""

import logging
from collections.abc import Iterable

from aiohttp import web

from device.errors import MienError
from device.hub.kiosk import pages
from device.hub.kiosk.guard import add_headers, guard
from device.kiosk import Kiosk as KioskSettings

_log = logging.getLogger(__name__)


class Kiosk:
    """Serves `routes`, and the page's own files, from `open` to `close`."""

    def __init__(self, settings: KioskSettings, routes: Iterable[web.RouteDef]) -> None:
        self._settings = settings
        self._routes = [*pages.routes(), *routes]
        self._runner: web.AppRunner | None = None

    async def open(self) -> str:
        """Listen; the page's address on loopback. Raises MienError when the port is taken."""
        app = web.Application(middlewares=[guard], client_max_size=4096)
        app.add_routes(self._routes)
        app.on_response_prepare.append(add_headers)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=0.5)
        await self._runner.setup()
        port = self._settings.port
        try:
            await web.TCPSite(self._runner, "127.0.0.1", port).start()
        except OSError as error:
            await self.close()
            raise MienError(f"the page cannot use port {port} ({error}); set kiosk.port to another, or 0") from error
        address = f"http://127.0.0.1:{self._runner.addresses[0][1]}/"
        _log.info("page   %s", address)
        return address

    async def close(self) -> None:
        """Send every reader away."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
