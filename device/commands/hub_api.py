"""What a command asks of the hub that runs on this device, over the page's address on loopback."""

import json
import urllib.error
import urllib.request
from typing import Any

from device.errors import MienError
from device.settings.schema import Settings

_TIMEOUT_S = 5.0
# Straight to loopback, whatever proxy the shell has set.
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def ask(settings: Settings, path: str) -> Any:  # noqa: ANN401 - JSON
    """The JSON at `path`. Raises MienError."""
    return _opened(settings, path, None)


def tell(settings: Settings, feature: str, value: str) -> None:
    """Send a command to a feature. Raises MienError with what the hub answered."""
    _opened(settings, "/api/command", json.dumps({"feature": feature, "value": value}).encode())


def _opened(settings: Settings, path: str, body: bytes | None) -> Any:  # noqa: ANN401 - JSON
    kiosk = settings.kiosk
    if not kiosk.enabled or not kiosk.port:
        raise MienError(
            "the running Mien is asked over its page: set kiosk.enabled = true and kiosk.port in the settings"
        )
    address = f"http://127.0.0.1:{kiosk.port}{path}"
    request = urllib.request.Request(address, body, {"Content-Type": "application/json"})
    try:
        with _opener.open(request, timeout=_TIMEOUT_S) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        raise MienError(_reason(error)) from error
    except (OSError, ValueError) as error:
        raise MienError(f"no Mien answers at {address} ({error}); start it first, e.g. with: mien run") from error


def _reason(error: urllib.error.HTTPError) -> str:
    try:
        return str(json.load(error)["error"])
    except (ValueError, KeyError, TypeError):
        return f"the hub answered {error.code} {error.reason}"
