"""Home Assistant's services, over REST."""

import re
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from device.settings.actions.base import Action, check_url
from device.settings.types import FilePath, Section, about

_STATE_VERBS = re.compile(r"turn_on|turn_off|play_media|media_play|media_pause|media_stop|select_\w+|set_\w+|\w+_set")
"""Services that set a state, so that a second call changes nothing."""


class HomeAssistant(Section, frozen=True):
    """Home Assistant's services, called over REST. Not needed for MQTT discovery."""

    url: Annotated[str, about("http://homeassistant.local:8123. Empty: no Home Assistant.")] = ""
    token_file: Annotated[FilePath, about("A file with a long-lived access token and nothing else.")] = ""

    def __post_init__(self) -> None:
        check_url(self.url, "home_assistant.url")
        if bool(self.url) != bool(self.token_file):
            raise ValueError("home_assistant needs url and token_file together, or neither")


class CallService(Action, frozen=True, tag="home_assistant"):
    """Call a service: light.turn_on, media_player.play_media, scene.turn_on."""

    needs = ("home_assistant.url", "home_assistant.token_file")
    service: Annotated[str, Meta(pattern=r"^[a-z0-9_]+\.[a-z0-9_]+\Z")]
    entity: Annotated[str, Meta(pattern=r"^([a-z0-9_]+\.[a-z0-9_]+)?\Z")] = ""
    data: dict[str, Any] = msgspec.field(default_factory=dict)

    @property
    def description(self) -> str:
        """`light.turn_on of light.sofa in Home Assistant`."""
        return f"{self.service}{f' of {self.entity}' if self.entity else ''} in Home Assistant"

    @property
    def target(self) -> str | None:
        """The entity: turning on and off replace each other, any other service only a call of the same one."""
        if not self.entity or not self._sets_a_state:
            return None
        is_switch = self.service.endswith((".turn_on", ".turn_off"))
        return f"home_assistant {self.entity}" if is_switch else f"home_assistant {self.service} {self.entity}"

    @property
    def restorable(self) -> bool:
        """Lights only."""
        return self.service in ("light.turn_on", "light.turn_off") and self.entity.startswith("light.")

    @property
    def idempotent(self) -> bool:
        """Not where it runs something, and not where the data hold a step such as `brightness_step`."""
        return self._sets_a_state and not any("step" in key for key in self.data)

    @property
    def _sets_a_state(self) -> bool:
        domain, _, verb = self.service.partition(".")
        # Turning an automation or a script on twice runs it twice.
        return domain not in ("automation", "script") and _STATE_VERBS.fullmatch(verb) is not None
