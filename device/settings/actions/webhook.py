"""A signed POST of JSON to any address."""

from typing import Annotated, Any
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from device.settings.actions.base import Action, check_url
from device.settings.types import FilePath, Section, about
from device.system.address import redact_address


class Webhooks(Section, frozen=True):
    """The signature of webhooks."""

    secret_file: Annotated[
        FilePath, about("Signs with X-Mien-Signature: HMAC-SHA256 of `timestamp.body`. Empty: no signature.")
    ] = ""


class Webhook(Action, frozen=True, tag="webhook"):
    """POST the mood, the rule and `data` as JSON."""

    target = None
    restorable = False
    url: Annotated[str, Meta(min_length=1)]
    data: dict[str, Any] = msgspec.field(default_factory=dict)

    def __post_init__(self) -> None:
        check_url(self.url, "url")

    @property
    def redacted(self) -> "Webhook":
        """Without the path of its address, and without the texts in its data."""
        return msgspec.structs.replace(self, url=redact_address(self.url), data=_hide_texts(self.data))

    @property
    def description(self) -> str:
        """`webhook to example.com`: the rest of the address may be a secret."""
        return f"webhook to {urlsplit(self.url).hostname}"


def _hide_texts(value: Any) -> Any:  # noqa: ANN401 - any value of TOML
    """`value` with `...` in place of every text; keys stay."""
    if isinstance(value, dict):
        return {key: _hide_texts(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_hide_texts(one) for one in value]
    return "..." if isinstance(value, str) else value
