"""TLS for the house: the certificate of the settings, and again where it was renewed."""

import logging
import ssl
from pathlib import Path

from device.errors import SettingsError
from device.system.paths import Stamp, stamp

_log = logging.getLogger(__name__)


class Certificate:
    """The settings' two files, as a context for the server."""

    def __init__(self, certificate: Path, key: Path) -> None:
        """Raises SettingsError where they cannot be used."""
        self._certificate = certificate
        self._key = key
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        self.context.set_alpn_protocols(["http/1.1"])
        self._seen = self._stamps()
        self._load(self.context)

    def look(self) -> None:
        """Read the files again where they have changed; who connects from now on is shown the new ones."""
        stamps = self._stamps()
        if stamps == self._seen:
            return
        self._seen = stamps
        try:
            self._load(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))  # half of a pair is not to come into use
            self._load(self.context)
            _log.info("page: the certificate was read again")
        except SettingsError as error:
            _log.warning("%s; the former one is still shown", error)

    def _load(self, context: ssl.SSLContext) -> None:
        for field, path in (("certificate_file", self._certificate), ("key_file", self._key)):
            try:
                with path.open("rb"):
                    pass
            except OSError as error:
                raise SettingsError(f"kiosk.{field}: {path} cannot be read ({error.strerror}); correct it") from None
        try:
            # Without a password here, OpenSSL would ask for one at the terminal.
            context.load_cert_chain(self._certificate, self._key, password="")
        except (ssl.SSLError, OSError, ValueError) as error:
            why = (error.reason if isinstance(error, ssl.SSLError) else "") or "not PEM, or the key has a password"
            raise SettingsError(
                f"kiosk.certificate_file and key_file: {self._certificate} and {self._key} are no pair that can be "
                f"used ({why}); needed are a PEM certificate with its chain, and its own key without a password"
            ) from None

    def _stamps(self) -> tuple[Stamp, Stamp]:
        return stamp(self._certificate), stamp(self._key)
