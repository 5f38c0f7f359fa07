"""Settings as they may be shown to others: without passwords, secret addresses and the arguments of programs."""

import msgspec

from device.settings.schema import Settings
from device.system.address import redact_address


def redact(settings: Settings) -> Settings:
    """The same settings, valid too, with `...` in place of what may be a secret."""
    source = settings.camera.source
    if source.lower().startswith("gstreamer:"):
        source = "gstreamer:..."  # a pipeline may name a camera with its password
    elif "://" in source:
        source = redact_address(source)
    url = settings.home_assistant.url
    return msgspec.structs.replace(
        settings,
        camera=msgspec.structs.replace(settings.camera, source=source),
        home_assistant=msgspec.structs.replace(settings.home_assistant, url=redact_address(url) if url else url),
        rules=tuple(
            msgspec.structs.replace(rule, do=tuple(action.redacted for action in rule.do)) for rule in settings.rules
        ),
    )
