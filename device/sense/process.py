"""The `sense` process: first it encloses itself, then it opens its devices. The imports before that are light."""

import contextlib
import logging
import os
import secrets
import signal
import socket
import threading
from pathlib import Path

from device import __version__
from device.errors import MienError
from device.ipc.messages import Hello
from device.sense.camera_proxy import CameraProxy, parse_address, redact_url
from device.sense.sound_helper import SoundHelper, needs_helper
from device.settings.locations import default_path, socket_path
from device.settings.reload import find_problem
from device.settings.schema import Settings
from device.system.isolation import raise_loopback
from device.system.isolation.enclosure import Enclosure, Needs
from device.system.isolation.network import list_interfaces, may_connect
from device.system.isolation.report import Isolation
from device.system.state_file import make_folder, sync_folder

_log = logging.getLogger(__name__)

_ARGUS_SOCKET = Path("/tmp/argus_socket")  # noqa: S108 - where NVIDIA's daemon puts it


def run_sense(settings: Settings, path: Path | None = None) -> int:
    """Run until SIGTERM, SIGINT, or a SIGHUP with valid new settings in `path`. Returns the exit status.

    After the end of a media file, its sense is off. Raises MienError if the settings or a model cannot be used, or if
    the isolation is required and not enforced.
    """
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    signal.signal(signal.SIGHUP, lambda *_: None if find_problem(path) else stop.set())
    source = settings.camera.source
    problem = ""
    address = parse_address(source)
    if address and not may_connect():
        problem = _describe_closed_window(address.host)
        address = None
        _log.error("%s", problem)
    move_files(settings)
    # Before the wall: each keeps what it needs, and nothing else of what sense gives up.
    proxy = CameraProxy(address) if address else None
    sound = SoundHelper(_hear) if needs_helper(settings.microphone.source) else None
    try:
        source, isolation = _enclose(_list_needs(settings, path), source, proxy)
        _log.info("isolation: %s (%s; a connection: %s)", isolation.enforced, isolation.describe(), isolation.refused)
        if settings.home.require_isolation and not isolation.enforced:
            raise MienError(
                f"home.require_isolation = true, and sense is not isolated: {isolation.describe()}; run it by systemd, "
                "or allow it to run without: home.require_isolation = false"
            )

        from device.sense.build import build_pipeline
        from device.sense.hub_client import HubClient

        sense, versions = build_pipeline(settings, source, problem, sound)
        hello = Hello(secrets.token_hex(8), __version__, os.getpid(), isolation, versions)
        sense.run(HubClient(socket_path(settings.runtime_dir), hello, sense.controls.execute), stop)
    finally:
        for helper in (proxy, sound):
            if helper:
                helper.close()
    return 0


def _hear(connection: socket.socket, source: str) -> None:
    """What a worker of the sound helper does. Nothing else loads these libraries before the wall."""
    from device.sense.microphone.remote import serve

    serve(connection, source)


def _describe_closed_window(host: str) -> str:
    return f"systemd's sandbox closes off every address; to open it to this camera alone: sudo mien camera allow {host}"


def _enclose(needs: Needs, source: str, proxy: CameraProxy | None) -> tuple[str, Isolation]:
    """(The camera's source as seen from inside, the proof)."""
    wall = Enclosure(needs)
    detail = wall.enter()
    is_window_open = False
    if proxy and list_interfaces() == ("lo",):
        with contextlib.suppress(OSError):  # it is the host's own network: the camera is reached directly
            raise_loopback()
            detail += f"; one proxy, to {redact_url(source)}"
            source = proxy.open(source)
            is_window_open = True
    wall.seal(internet=proxy is not None)
    if proxy and not is_window_open:
        detail += "; the IP camera is reached without a proxy"
    return source, wall.prove(detail)


def _list_needs(settings: Settings, path: Path | None) -> Needs:
    """What sense needs of the file system. Makes missing folders, since only then can it see them."""
    for folder in (settings.sense_dir, settings.runtime_dir):
        with contextlib.suppress(OSError):  # whoever needs it reports it
            make_folder(folder, sync=True)
    sources = (settings.camera.source, settings.microphone.source)
    files = [Path(source.removeprefix("file:")).expanduser() for source in sources if source.startswith("file:")]
    # Of the settings the folder, too, because an editor puts a new file in the place of the old one.
    chosen = (path or default_path()).absolute()
    readable = (chosen, chosen.parent, settings.state_dir.absolute(), *(file.absolute() for file in files))
    sockets = [settings.runtime_dir.absolute()]
    if "nvarguscamerasrc" in settings.camera.source:  # on a Jetson, a daemon has the camera
        sockets.append(_ARGUS_SOCKET)
    return Needs(tuple(sockets), (settings.sense_dir.absolute(),), readable)


def move_files(settings: Settings) -> None:
    """Take what sense stored up to version 0.1 out of the folder that it shared with hub. Raises MienError.

    If a file cannot be moved, sense must not start without it: it may say that the camera is off.
    """
    if settings.sense_dir == settings.state_dir:
        return
    for name in ("switches.json", "neutral.json", "voices.json"):
        old, new = settings.state_dir / name, settings.sense_dir / name
        try:
            if old.exists() and not new.exists():
                make_folder(new.parent, sync=True)
                old.rename(new)
                for folder in (new.parent, old.parent):
                    sync_folder(folder)
        except OSError as error:
            raise MienError(f"{old}: cannot be moved to {new.parent} ({error.strerror}); move it there") from error
