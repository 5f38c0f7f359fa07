"""Requests from a command to the hub that runs on this device, through the page's port on loopback."""

import json
import urllib.error
import urllib.request
from typing import Any

from device.errors import MienError
from device.hub.web.auth.local_key import read_local_key
from device.settings.schema import Settings

# Straight to loopback, whatever proxy the shell has set.
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def get_json(settings: Settings, path: str) -> Any:  # noqa: ANN401 - JSON
    """Get the JSON at `path`. Raises MienError."""
    return _request(settings, path, None)


def send_command(settings: Settings, feature: str, value: str) -> None:
    """Set a feature. Raises MienError with the hub's answer when it refuses."""
    _request(settings, "/api/command", json.dumps({"feature": feature, "value": value}).encode())


def _request(settings: Settings, path: str, body: bytes | None) -> Any:  # noqa: ANN401 - JSON
    kiosk = settings.kiosk
    if not kiosk.enabled or not kiosk.port:
        problem = "this command talks to the running Mien through its page, which the settings turn off"
        raise MienError(f"{problem}: set kiosk.enabled = true and kiosk.port")
    address = f"http://127.0.0.1:{kiosk.port}{path}"
    headers = {"Content-Type": "application/json"}
    if kiosk.local_password:
        headers["Authorization"] = f"Bearer {read_local_key(settings.state_dir)}"
    request = urllib.request.Request(address, body, headers)
    try:
        with _opener.open(request, timeout=5.0) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        if error.code == 401:
            who = "run this as root, or as the user of hub"
            raise MienError(f"{address} asks for the password here, too (kiosk.local_password): {who}") from error
        try:
            text = str(json.load(error)["error"])
        except (ValueError, KeyError, TypeError):
            text = f"the hub answered {error.code} {error.reason}"
        raise MienError(text) from error
    except (OSError, ValueError) as error:
        raise MienError(f"no Mien answers at {address} ({error}); start it first, e.g. with: mien run") from error
