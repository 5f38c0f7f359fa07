"""The `sense` process: the walls first, then eyes and ears. What is imported before the walls stands is light."""

import logging
import os
import secrets
import signal
import threading
from pathlib import Path

from device import __version__
from device.ipc.messages import Hello
from device.sense.camera_proxy import Window, address_of, without_secrets
from device.settings.locations import socket_path
from device.settings.reload import problem_of
from device.settings.schema import Settings
from device.system.isolation import drop_network, give_up_powers, prove, raise_loopback

log = logging.getLogger(__name__)


def run_sense(settings: Settings, path: Path | None = None) -> int:
    """Run until SIGTERM or SIGINT, or a SIGHUP that finds good new settings in `path`; returns the exit status.

    A file played to its end leaves its sense off.

    Raises MienError when the settings or a model make it impossible.
    """
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    signal.signal(signal.SIGHUP, lambda *_: None if problem_of(path) else stop.set())
    source = settings.camera.source
    address = address_of(source)
    window = Window(address) if address else None
    detail = drop_network()
    enforced = prove(detail).enforced
    if window and address and enforced:
        raise_loopback()
        source = window.open(source)
        detail += f"; one window, to {without_secrets(settings.camera.source)}"
    give_up_powers()
    isolation = prove(detail)
    log.info("isolation: %s (%s; a connection: %s)", isolation.enforced, detail, isolation.refused)

    from device.sense.build import assemble

    sense, versions = assemble(settings, source)
    from device.sense.hub_client import Door

    hello = Hello(secrets.token_hex(8), __version__, os.getpid(), isolation, versions)
    try:
        sense.run(Door(socket_path(settings.runtime_dir), hello, sense.on_command), stop)
    finally:
        if window:
            window.close()
    return 0
