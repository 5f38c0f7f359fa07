"""Whether a hub could start with new settings, checked before the running hub stops for it."""

import os
from collections.abc import Callable

from device.errors import MienError
from device.hub.mqtt.connection import load_credentials
from device.hub.web.auth import password
from device.hub.web.transport.listeners import AddressUnavailableError, listen_on, resolve_addresses
from device.hub.web.transport.tls import Certificate
from device.settings.locations import check_runtime_folder
from device.settings.reload import check_folders
from device.settings.schema import Kiosk, Settings
from device.system.paths import check_folder, expand


def check_start(
    settings: Settings,
    running_page: tuple[str, int] | None = None,
    *,
    page: bool = True,
    on_pending: Callable[[str], None] | None = None,
) -> None:
    """Raises MienError if a hub would not start with `settings`. It names the key and says what to do.

    `running_page` is the kiosk.listen and kiosk.port of a running page, which occupies these addresses itself.
    Without `page`, no address is tried. The hub waits for an address that this device does not have yet: `on_pending`
    gets the reason then; without it, that is an error too.
    """
    check_folders(settings)
    check_folder("home.state_dir", settings.state_dir)
    check_folder("home.runtime_dir", settings.runtime_dir)
    check_runtime_folder(settings.runtime_dir)
    if settings.kiosk.enabled:
        _check_files(settings.kiosk)
        try:
            if page:
                _check_addresses(settings.kiosk, *(running_page or ("", -1)))
        except AddressUnavailableError as error:
            if on_pending is None:
                raise
            on_pending(str(error))
    mqtt = settings.mqtt
    files = (mqtt.password_file, mqtt.ca_file, mqtt.certificate_file, mqtt.key_file)
    if mqtt.host and not _is_missing_credential(*files):
        load_credentials(mqtt)


def _check_files(kiosk: Kiosk) -> None:
    if kiosk.password_file and not _is_missing_credential(kiosk.password_file):
        password.load(expand(kiosk.password_file))
    if kiosk.certificate_file and not _is_missing_credential(kiosk.certificate_file, kiosk.key_file):
        Certificate(expand(kiosk.certificate_file), expand(kiosk.key_file))


def _check_addresses(kiosk: Kiosk, running_listen: str, running_port: int) -> None:
    ours = resolve_addresses(running_listen) if running_port == kiosk.port else ()
    for address in resolve_addresses(kiosk.listen):
        try:
            listen_on(address, kiosk.port).close()
        except AddressUnavailableError:
            if kiosk.listen != running_listen:  # otherwise the running page waits for it, too
                raise
        except MienError:
            # A socket for all addresses and one for a single address exclude each other.
            if address not in ours and not (ours and (_is_wildcard(address) or _is_wildcard(*ours))):
                raise


def _is_wildcard(*addresses: str) -> bool:
    return any(address in ("0.0.0.0", "::") for address in addresses)  # noqa: S104 - compared only


def _is_missing_credential(*paths: str) -> bool:
    """Whether one of them is a credential: systemd creates it at each start of a service, and removes it at the end."""
    return any(path.startswith("/run/credentials/") and not os.access(path, os.R_OK) for path in paths)
