"""The page's server: where it listens, what it serves, and behind which guard."""

import asyncio
import contextlib
import ipaddress
import logging
import socket
from collections.abc import Callable, Iterable
from pathlib import Path

from aiohttp import web

from device.errors import MienError
from device.hub.web.auth.authenticator import Authenticator
from device.hub.web.auth.login import Login
from device.hub.web.auth.sessions import Sessions
from device.hub.web.middleware import RequestGuard
from device.hub.web.request_origin import own_names
from device.hub.web.responses import add_headers
from device.hub.web.routes import static_files
from device.hub.web.transport.connections import Connections
from device.hub.web.transport.listeners import HERE, AddressUnavailableError, listen_on, resolve_addresses
from device.hub.web.transport.tls import Certificate
from device.settings.schema import Kiosk as KioskSettings
from device.system.paths import expanded

_log = logging.getLogger(__name__)

LOOK_S = 2.0
"""How soon a new password, or a renewed certificate, holds."""
MAX_BODY = 4096
"""Bytes of a request's body."""


class WebServer:
    """Serves `routes`, and the page's own files, from `open` to `close`. Sessions are kept in `state_dir`."""

    def __init__(
        self,
        settings: KioskSettings,
        routes: Iterable[web.RouteDef],
        state_dir: Path,
        health: Callable[[str], None] = lambda _: None,
    ) -> None:
        """`health` hears what is wrong while the page runs, empty for nothing."""
        self._settings = settings
        self._health = health
        self._routes = [*static_files.routes(), *routes]
        self._state_dir = state_dir
        self._runner: web.AppRunner | None = None
        self._connections: Connections | None = None
        self._listeners: list[socket.socket] = []
        self._tasks: list[asyncio.Task[None]] = []

    async def open(self) -> str:
        """Listen; the page's address on loopback.

        An address that this device does not have yet, since its network is late, is waited for. Raises MienError when
        the port is taken, or the password's or the certificate's file cannot be used.
        """
        settings = self._settings
        path = settings.password_file
        login = Login(Authenticator(expanded(path)) if path else None, Sessions(self._state_dir))
        certificate = None
        if settings.certificate_file:
            certificate = Certificate(expanded(settings.certificate_file), expanded(settings.key_file))
        await login.begin()
        app = web.Application(
            middlewares=[RequestGuard(own_names(settings.allowed_hosts), login).stand], client_max_size=MAX_BODY
        )
        app.add_routes([*login.routes(), *self._routes])
        app.on_response_prepare.append(add_headers)
        self._runner = web.AppRunner(app, handle_signals=False, shutdown_timeout=0.5)
        await self._runner.setup()
        server = self._runner.server
        if server is None:  # only before setup
            raise RuntimeError
        self._connections = Connections(server, certificate.context if certificate else None)
        here, *others = resolve_addresses(settings.listen)
        try:
            self._listeners.append(listen_on(here, settings.port))
            port: int = self._listeners[0].getsockname()[1]
            for one in others:
                with contextlib.suppress(AddressUnavailableError):
                    self._listeners.append(listen_on(one, port))
        except MienError:
            await self.close()
            raise
        self._tasks = [asyncio.create_task(self._connections.accept(one)) for one in self._listeners]
        if len(self._listeners) == 1 + len(others):
            self._say_house(port)
        else:
            self._tasks.append(asyncio.create_task(self._join(self._connections, others[0], port)))
        self._tasks.append(asyncio.create_task(_look_again(login, certificate)))
        for task in self._tasks:
            task.add_done_callback(_told)
        address = f"http://{HERE}:{port}/"
        _log.info("page   %s", address)
        return address

    async def close(self) -> None:
        """Send every reader away."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for listener in self._listeners:
            listener.close()
        self._tasks, self._listeners = [], []
        if self._connections is not None:
            await self._connections.close()
            self._connections = None
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _join(self, connections: Connections, address: str, port: int) -> None:
        """Listen on `address`, too, as soon as this device has it."""
        why = f"this device has no address {address} yet; it is waited for, or set kiosk.listen to one that it has"
        said = ""
        while True:
            if why != said:
                said = why
                _log.warning("page: %s", why)
                self._health(f"the page is not open to the house: {why}")
            await asyncio.sleep(LOOK_S)
            try:
                self._listeners.append(listen_on(address, port))
                break
            except AddressUnavailableError:
                continue
            except MienError as error:
                why = str(error)
        self._health("")
        self._say_house(port)
        await connections.accept(self._listeners[-1])

    def _say_house(self, port: int) -> None:
        if not self._settings.house:
            return
        listen = ipaddress.ip_address(self._settings.listen)
        name = socket.gethostname() if listen.is_unspecified else str(listen)
        if self._settings.certificate_file:
            _log.info(
                "page   https://%s:%d/ for the house, with the password", f"[{name}]" if ":" in name else name, port
            )
        else:
            _log.warning(
                "page   http://%s:%d/ for the house, with the password, which everybody in its network can read on its "
                "way: kiosk.certificate_file and key_file prevent that",
                f"[{name}]" if ":" in name else name,
                port,
            )


async def _look_again(login: Login, certificate: Certificate | None) -> None:
    while True:
        await asyncio.sleep(LOOK_S)
        await login.look()
        if certificate:
            certificate.look()


def _told(task: asyncio.Task[None]) -> None:
    """None of them ends by itself."""
    if not task.cancelled() and (failed := task.exception()):
        _log.error("page: a part of its server failed; please report this", exc_info=failed)
