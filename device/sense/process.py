"""The `sense` process: first it drops its network, then it opens its devices. The imports before that are light."""

import logging
import os
import secrets
import signal
import threading
from pathlib import Path

from device import __version__
from device.ipc.messages import Hello
from device.sense.camera_proxy import CameraProxy, parse_address, redact_url
from device.settings.locations import socket_path
from device.settings.reload import find_problem
from device.settings.schema import Settings
from device.system.isolation import check_isolation, drop_capabilities, drop_network, raise_loopback

_log = logging.getLogger(__name__)


def run_sense(settings: Settings, path: Path | None = None) -> int:
    """Run until SIGTERM, SIGINT, or a SIGHUP with valid new settings in `path`. Returns the exit status.

    After the end of a media file, its sense is off. Raises MienError if the settings or a model cannot be used.
    """
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    signal.signal(signal.SIGHUP, lambda *_: None if find_problem(path) else stop.set())
    source = settings.camera.source
    address = parse_address(source)
    proxy = CameraProxy(address) if address else None
    detail = drop_network()
    enforced = check_isolation(detail).enforced
    if proxy and enforced:
        raise_loopback()
        source = proxy.open(source)
        detail += f"; one proxy, to {redact_url(settings.camera.source)}"
    drop_capabilities()
    isolation = check_isolation(detail)
    _log.info("isolation: %s (%s; a connection: %s)", isolation.enforced, detail, isolation.refused)

    from device.sense.build import build_pipeline
    from device.sense.hub_client import HubClient

    sense, versions = build_pipeline(settings, source)
    hello = Hello(secrets.token_hex(8), __version__, os.getpid(), isolation, versions)
    try:
        sense.run(HubClient(socket_path(settings.runtime_dir), hello, sense.controls.execute), stop)
    finally:
        if proxy:
            proxy.close()
    return 0
