"""The base of every action: what a rule may do."""

from abc import abstractmethod
from operator import attrgetter
from typing import ClassVar
from urllib.parse import urlsplit

from device.settings.types import Section


class Action(Section, frozen=True, tag_field="action"):
    """One action of a rule. Its tag is the word after `action =` in the settings file."""

    needs: ClassVar[tuple[str, ...]] = ()
    """The settings that must not be empty: `mpd.host`."""
    setup_hint: ClassVar[str] = ""
    """How to set them, for the end of an error message: `; pair with: ...`."""

    @property
    @abstractmethod
    def description(self) -> str:
        """What it does, in a few words for a person."""

    @property
    @abstractmethod
    def target(self) -> str | None:
        """The name of what it changes: a newer action for the same target replaces an older one.

        None if every action counts and none may be replaced: a message, a webhook, a program.
        """

    @property
    @abstractmethod
    def restorable(self) -> bool:
        """Whether its destination can undo the change."""

    @property
    def idempotent(self) -> bool:
        """Whether running it twice has the same effect as once, so that it can be sent again."""
        return True

    @property
    def redacted(self) -> "Action":
        """The same action without what may be a secret: for the history, and for people."""
        return self

    @property
    def limit_s(self) -> float | None:
        """Its own time limit, instead of the one that all actions share."""
        return None

    def missing(self, settings: Section, /) -> str:
        """The `needs` missing from the settings, for an error message; empty when nothing is missing."""
        keys = [key for key in self.needs if not attrgetter(key)(settings)]
        return f"{' and '.join(keys)} {'is' if len(keys) == 1 else 'are'} not set{self.setup_hint}" if keys else ""

    @property
    def kind(self) -> str:
        """Its word in the settings file: `lamp`, `wled`."""
        return str(self.__struct_config__.tag)


def check_url(url: str, key: str) -> None:
    """Raises ValueError unless `url` is empty or a web address."""
    if url and (urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname):
        raise ValueError(f"{key} needs http:// or https:// and a host")


def describe_light(colour: str, brightness: int) -> str:
    """` #ff8000 at 40 %`, or ` off`: follows the name of the light."""
    return f"{f' {colour}' if colour else ''} at {brightness} %" if brightness else " off"
