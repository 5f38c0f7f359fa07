"""A music player daemon (MPD)."""

from typing import Annotated

from device.settings.actions.base import Action
from device.settings.types import FilePath, Percent, Port, Section, about


class Mpd(Section, frozen=True):
    """A music player daemon (MPD)."""

    host: Annotated[str, about("Empty: no music player.")] = ""
    port: Port = 6600
    password_file: FilePath = ""


class Music(Action, frozen=True, tag="mpd"):
    """Play a playlist, or stop the music."""

    target = "mpd"
    restorable = True
    needs = ("mpd.host",)
    playlist: str = ""
    """Empty stops the music."""
    volume: Percent | None = None
    """None leaves it as it is."""

    @property
    def description(self) -> str:
        """`music calm at 30 %`."""
        return f"music {self.playlist or 'off'}{'' if self.volume is None else f' at {self.volume} %'}"
