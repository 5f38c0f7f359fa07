"""All destinations, made from the settings."""

import logging
from collections.abc import Callable, Mapping
from typing import Any

from device.hub.actions.base import Destination, Restorable
from device.hub.actions.command import Programs
from device.hub.actions.dispatcher import ActionDispatcher
from device.hub.actions.home_assistant import HomeAssistantServices
from device.hub.actions.hue.bridge import HueBridge
from device.hub.actions.mpd import MusicPlayer
from device.hub.actions.mqtt_publish import MqttMessage
from device.hub.actions.restore.ledger import LedgerFile, RestoreEntry, RestoreLedger
from device.hub.actions.transport.http import Http
from device.hub.actions.virtual import VirtualLamp, VirtualPlayer
from device.hub.actions.webhook import SignedWebhooks
from device.hub.actions.wled import WledStrips
from device.hub.mqtt.session import MqttSession
from device.settings.actions import CallService, Command, HueLight, Lamp, Music, Player, Publish, Webhook, Wled
from device.settings.schema import Settings

_log = logging.getLogger(__name__)


def build_dispatcher(
    settings: Settings,
    mqtt: MqttSession | None,
    lamp_changed: Callable[[dict[str, Any]], None],
    player_changed: Callable[[dict[str, Any]], None],
    *,
    dry: bool = False,
) -> ActionDispatcher:
    """Those that the settings name, and those that need no settings. No connection is made before the first action.

    What rules held when the last hub was killed is held again. `lamp_changed` and `player_changed` hear each new state
    of the virtual two. With `dry`, nothing is sent anywhere.
    """
    http = Http()
    by_type: dict[type[Any], Destination[Any]] = {
        Lamp: VirtualLamp(lamp_changed),
        Player: VirtualPlayer(player_changed),
        Publish: MqttMessage(mqtt),
        Wled: WledStrips(http),
        Webhook: SignedWebhooks(settings.webhooks, http),
        Command: Programs(),
    }
    if settings.home_assistant.url:
        by_type[CallService] = HomeAssistantServices(settings.home_assistant, http)
    if settings.hue.bridge:
        by_type[HueLight] = HueBridge(settings.hue, http)
    if settings.mpd.host:
        by_type[Music] = MusicPlayer(settings.mpd)
    if dry:
        return ActionDispatcher(by_type, dry=True, close=http.close)
    file = LedgerFile(settings.state_dir)
    before = [one for one in file.load() if _comes_back(one, by_type)]

    async def close() -> None:
        await http.close()
        await file.close()

    keeper = RestoreLedger(held=before, changed=file.put)
    return ActionDispatcher(
        by_type, keeper=keeper, for_s={rule.name: rule.for_s for rule in settings.rules}, close=close
    )


def _comes_back(held: RestoreEntry, by_type: Mapping[type[Any], Destination[Any]]) -> bool:
    """Whether what an older hub held can be put back by this one; said where it cannot."""
    known = isinstance(by_type.get(type(held.action)), Restorable)
    if not known:
        _log.warning("%s stays as it is: nothing here puts back %s any more", held.former.target, held.action.words)
    return known
