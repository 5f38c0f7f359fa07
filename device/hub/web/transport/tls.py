"""TLS for the network: the configured certificate, reloaded when it is renewed."""

import logging
import ssl
from pathlib import Path

from device.errors import SettingsError
from device.system.paths import FileStamp, read_stamp

_log = logging.getLogger(__name__)


class Certificate:
    """The server's SSL context, made from the configured certificate and key files."""

    def __init__(self, certificate: Path, key: Path) -> None:
        """Raises SettingsError when the files cannot be used."""
        self._certificate = certificate
        self._key = key
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        self.context.set_alpn_protocols(["http/1.1"])
        self._current_stamps = self._read_stamps()
        self._load(self.context)

    def reload_if_changed(self) -> None:
        """Reload the files if they have changed. New connections then get the new certificate."""
        stamps = self._read_stamps()
        if stamps == self._current_stamps:
            return
        self._current_stamps = stamps
        try:
            self._load(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))  # so that half of a new pair is not used
            self._load(self.context)
            _log.info("page: the certificate was reloaded")
        except SettingsError as error:
            _log.warning("%s; the certificate from before stays in use", error)

    def _load(self, context: ssl.SSLContext) -> None:
        for field, path in (("certificate_file", self._certificate), ("key_file", self._key)):
            try:
                path.open("rb").close()
            except OSError as error:
                raise SettingsError(f"kiosk.{field}: {path} cannot be read ({error.strerror}); correct it") from None
        try:
            # Without a password argument, OpenSSL would ask for one at the terminal.
            context.load_cert_chain(self._certificate, self._key, password="")
        except (ssl.SSLError, OSError, ValueError) as error:
            reason = (error.reason if isinstance(error, ssl.SSLError) else "") or "not PEM, or the key has a password"
            pair = f"kiosk.certificate_file and key_file: {self._certificate} and {self._key}"
            fix = "needed are a PEM certificate with its chain, and its key without a password"
            raise SettingsError(f"{pair} cannot be used together ({reason}); {fix}") from None

    def _read_stamps(self) -> tuple[FileStamp, FileStamp]:
        return read_stamp(self._certificate), read_stamp(self._key)
