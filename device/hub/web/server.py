"""The web server: its listening sockets, middleware, routes and login."""

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
from device.hub.web.auth.local_key import LocalKey
from device.hub.web.auth.login import Login
from device.hub.web.auth.sessions import Sessions
from device.hub.web.expect import without_expect
from device.hub.web.limits import LIMITS, WebLimits
from device.hub.web.middleware import RequestGuard
from device.hub.web.request_origin import get_own_names
from device.hub.web.responses import add_headers
from device.hub.web.routes import static_files
from device.hub.web.transport.connections import Connections
from device.hub.web.transport.listeners import LOOPBACK, AddressUnavailableError, listen_on, resolve_addresses
from device.hub.web.transport.tls import Certificate
from device.settings.schema import Kiosk as KioskSettings
from device.system.paths import expand

_log = logging.getLogger(__name__)


class WebServer:
    """Serves `routes` and the page's own files from `open` to `close`. Sessions are stored in `state_dir`."""

    def __init__(
        self,
        settings: KioskSettings,
        routes: Iterable[web.RouteDef],
        state_dir: Path,
        on_problem: Callable[[str], None] = lambda _: None,
        limits: WebLimits | None = None,
    ) -> None:
        """`on_problem` is called with a description of each problem while serving, and with "" once it is solved."""
        self.limits = limits or WebLimits()
        self.build = static_files.hash_files(static_files.FILES.values())
        """The version of the page's own files."""
        self._settings = settings
        self._on_problem = on_problem
        self._routes = [*static_files.routes(), *routes]
        self._state_dir = state_dir
        self._runner: web.AppRunner | None = None
        self._connections: Connections | None = None
        self._listeners: list[socket.socket] = []
        self._tasks: list[asyncio.Task[None]] = []

    async def open(self) -> str:
        """Start listening; returns the page's address on loopback.

        If this device does not have the configured address yet, because its network comes up late, the server waits
        for it in the background. Raises MienError when the port is taken, or when the password file or the certificate
        file cannot be used.
        """
        settings = self._settings
        path = settings.password_file
        key = LocalKey(self._state_dir) if settings.local_password else None
        login = Login(Authenticator(expand(path)) if path else None, Sessions(self._state_dir), key)
        certificate = None
        if settings.certificate_file:
            certificate = Certificate(expand(settings.certificate_file), expand(settings.key_file))
        await login.start()
        app = web.Application(
            middlewares=[RequestGuard(get_own_names(settings.allowed_hosts), login, self.limits.body_timeout_s).handle],
            client_max_size=self.limits.max_body_bytes,
        )
        app[LIMITS] = self.limits
        app[static_files.BUILD] = self.build
        app.add_routes([*login.routes(), *self._routes])
        app.on_response_prepare.append(add_headers)
        self._runner = web.AppRunner(app, handle_signals=False, shutdown_timeout=0.5)
        await self._runner.setup()
        server = self._runner.server
        if server is None:  # cannot be, after setup
            raise RuntimeError
        server.request_factory = without_expect(server.request_factory)
        self._connections = Connections(server, certificate.context if certificate else None, self.limits, login.known)
        loopback, *others = resolve_addresses(settings.listen)
        try:
            self._listeners.append(listen_on(loopback, settings.port))
            port: int = self._listeners[0].getsockname()[1]
            for address in others:
                with contextlib.suppress(AddressUnavailableError):
                    self._listeners.append(listen_on(address, port))
            if key:
                await asyncio.to_thread(key.create)
        except MienError:
            await self.close()
            raise
        self._tasks = [asyncio.create_task(self._connections.accept(listener)) for listener in self._listeners]
        if len(self._listeners) == 1 + len(others):
            self._log_network_address(port)
        else:
            self._tasks.append(asyncio.create_task(self._wait_for_address(self._connections, others[0], port)))
        self._tasks.append(asyncio.create_task(self._reload_regularly(login, certificate)))
        for task in self._tasks:
            task.add_done_callback(_report_failure)
        url = f"http://{LOOPBACK}:{port}/"
        _log.info("page   %s", url)
        return url

    async def close(self) -> None:
        """Stop listening and close all connections."""
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

    async def _wait_for_address(self, connections: Connections, address: str, port: int) -> None:
        """Also listen on `address` as soon as this device has it."""
        reason = f"this device does not have the address {address} yet; waiting for it. Or set kiosk.listen to another"
        reported = ""
        while True:
            if reason != reported:
                reported = reason
                _log.warning("page: %s", reason)
                self._on_problem(f"the page cannot be reached from the network: {reason}")
            await asyncio.sleep(self.limits.reload_interval_s)
            try:
                self._listeners.append(listen_on(address, port))
                break
            except AddressUnavailableError:
                continue
            except MienError as error:
                reason = str(error)
        self._on_problem("")
        self._log_network_address(port)
        await connections.accept(self._listeners[-1])

    def _log_network_address(self, port: int) -> None:
        if not self._settings.is_open_to_house:
            return
        listen = ipaddress.ip_address(self._settings.listen)
        name = f"[{listen}]" if listen.version == 6 else str(listen)
        if listen.is_unspecified:
            name = socket.gethostname()
        if self._settings.certificate_file:
            _log.info("page   https://%s:%d/ from the network, with the password", name, port)
        else:
            risk = "everybody in it can intercept: set kiosk.certificate_file and key_file to prevent that"
            _log.warning("page   http://%s:%d/ from the network, with the password, which %s", name, port, risk)

    async def _reload_regularly(self, login: Login, certificate: Certificate | None) -> None:
        while True:
            await asyncio.sleep(self.limits.reload_interval_s)
            await login.reload_if_changed()
            if certificate:
                certificate.reload_if_changed()


def _report_failure(task: asyncio.Task[None]) -> None:
    """Log why a task has ended; none of them should end."""
    if not task.cancelled() and (failed := task.exception()):
        _log.error("page: a part of its server failed; please report this", exc_info=failed)
