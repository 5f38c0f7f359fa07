"""A program on this machine."""

from typing import Annotated

import msgspec
from msgspec import Meta

from device.settings.actions.base import Action


class Command(Action, frozen=True, tag="command"):
    """Run a program without a shell. It gets the mood and the rule as JSON on its standard input."""

    target = None
    restorable = False
    idempotent = False
    run: Annotated[tuple[Annotated[str, Meta(pattern=r"^[^\x00]*\Z")], ...], Meta(min_length=1)]
    limit_s: Annotated[float, Meta(gt=0, le=600)] = 10.0

    @property
    def redacted(self) -> "Command":
        """Without its arguments."""
        return msgspec.structs.replace(self, run=(self.run[0], *(["..."] if len(self.run) > 1 else [])))

    @property
    def description(self) -> str:
        """`command /usr/local/bin/lights`."""
        return f"command {self.run[0]}"
