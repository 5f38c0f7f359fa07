"""What a hub needs to start, tried before the one that runs makes room for it."""

import os
from collections.abc import Callable

from device.errors import MienError, SettingsError
from device.hub.mqtt.connection import load_credentials
from device.hub.web.auth import password
from device.hub.web.transport.listeners import AddressUnavailableError, listen_on, resolve_addresses
from device.hub.web.transport.tls import Certificate
from device.settings.reload import check_folders
from device.settings.schema import Kiosk, Mqtt, Settings
from device.system.paths import expand, check_folder

_LENT = "/run/credentials/"
"""systemd puts files here for as long as a service runs, and anew at each start."""


def try_start(
    settings: Settings,
    held: tuple[str, int] | None = None,
    *,
    page: bool = True,
    late: Callable[[str], None] | None = None,
) -> None:
    """Raises MienError, which names the key and says what to do, where a hub would not start with `settings`.

    `held` is the kiosk.listen and kiosk.port of a page that runs: where it listens itself, nobody else can. Without
    `page` nothing is tried to listen. Hub waits for an address that this device does not have yet: that is told to
    `late`, and refused where there is none.
    """
    check_folders(settings)
    check_folder("home.state_dir", settings.state_dir)
    check_folder("home.runtime_dir", settings.runtime_dir)
    if settings.kiosk.enabled:
        _try_files(settings.kiosk)
        try:
            if page:
                _try_listening(settings.kiosk, *(held or ("", -1)))
        except AddressUnavailableError as error:
            if late is None:
                raise
            late(str(error))
    if settings.mqtt.host:
        _try_broker(settings.mqtt)


def _try_files(kiosk: Kiosk) -> None:
    if kiosk.password_file and not _lent(kiosk.password_file):
        password.load(expand(kiosk.password_file))
    if kiosk.certificate_file and not _lent(kiosk.certificate_file, kiosk.key_file):
        Certificate(expand(kiosk.certificate_file), expand(kiosk.key_file))


def _try_listening(kiosk: Kiosk, held: str, held_port: int) -> None:
    ours = resolve_addresses(held) if held_port == kiosk.port else ()
    for address in resolve_addresses(kiosk.listen):
        try:
            listen_on(address, kiosk.port).close()
        except AddressUnavailableError:
            if kiosk.listen != held:  # the page that runs waits for it, too
                raise
        except MienError:
            # One socket for every address and one for a single one are in each other's way.
            if address not in ours and not (ours and (_every(address) or _every(*ours))):
                raise


def _try_broker(broker: Mqtt) -> None:
    if _lent(broker.password_file, broker.ca_file, broker.certificate_file, broker.key_file):
        return
    try:
        load_credentials(broker)
    except OSError as error:
        raise SettingsError(str(error)) from error


def _every(*addresses: str) -> bool:
    return any(address in ("0.0.0.0", "::") for address in addresses)  # noqa: S104 - compared only


def _lent(*paths: str) -> bool:
    """One of them is not there yet, and will be at a start."""
    return any(path.startswith(_LENT) and not os.access(path, os.R_OK) for path in paths)
