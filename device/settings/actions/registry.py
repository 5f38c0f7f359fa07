"""All actions. The settings of each are in settings/actions/NAME.py, its code in hub/actions/NAME.py or NAME/."""

from typing import TYPE_CHECKING, Union

from device.settings.actions.base import Action
from device.settings.actions.command import Command
from device.settings.actions.home_assistant import CallService
from device.settings.actions.hue import HueLight
from device.settings.actions.mpd import Music
from device.settings.actions.mqtt_publish import Publish
from device.settings.actions.virtual import Lamp, Player
from device.settings.actions.webhook import Webhook
from device.settings.actions.wled import Wled

ACTIONS: tuple[type[Action], ...] = (Lamp, Player, Publish, CallService, HueLight, Wled, Music, Webhook, Command)

if TYPE_CHECKING:
    AnyAction = Action
else:
    AnyAction = Union[ACTIONS]  # noqa: UP007 - X | Y cannot be built from a tuple
"""The union that msgspec decodes by the word after `action =`."""
