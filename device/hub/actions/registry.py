"""Builds every destination from the settings."""

import logging
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from device.hub.actions.base import Destination, Resources, is_restorable
from device.hub.actions.dispatcher import ActionDispatcher
from device.hub.actions.restore.ledger import LedgerFile, RestoreEntry, RestoreLedger
from device.hub.actions.transport.http import Http
from device.hub.mqtt.session import MqttSession
from device.settings.actions.registry import ACTIONS
from device.settings.schema import Settings

_log = logging.getLogger(__name__)


def build_destinations(resources: Resources) -> dict[type[Any], Destination[Any]]:
    """The destination for each type of action, as far as the settings name one.

    The actions of device/settings/actions/NAME.py are carried out by device/hub/actions/NAME.py.
    """
    found: dict[type[Any], Destination[Any]] = {}
    for name in dict.fromkeys(action.__module__.rpartition(".")[2] for action in ACTIONS):
        found |= import_module(f"device.hub.actions.{name}").build(resources)
    return found


def build_dispatcher(
    settings: Settings,
    mqtt: MqttSession | None,
    on_lamp: Callable[[dict[str, Any]], None],
    on_player: Callable[[dict[str, Any]], None],
    *,
    dry: bool = False,
) -> ActionDispatcher:
    """The dispatcher with its destinations. No connection is made before the first action.

    Continues with the restore ledger of the last run. `on_lamp` and `on_player` get each new state of the virtual lamp
    and player. With `dry`, nothing is sent anywhere.
    """
    http = Http()
    by_type = build_destinations(Resources(settings, http, mqtt, on_lamp, on_player))
    if dry:
        return ActionDispatcher(by_type, dry=True, close=http.close)
    types = {kind: one.previous_type for kind, one in by_type.items() if is_restorable(one) and one.previous_type}
    file = LedgerFile(settings.state_dir, types)
    entries = [entry for entry in file.load() if _can_restore(entry, by_type)]

    async def close() -> None:
        await http.close()
        await file.close()

    ledger = RestoreLedger(entries=entries, on_change=file.save)
    for_s = {rule.name: rule.for_s for rule in settings.rules}
    return ActionDispatcher(by_type, ledger=ledger, for_s=for_s, close=close)


def _can_restore(entry: RestoreEntry, by_type: Mapping[type[Any], Destination[Any]]) -> bool:
    """Whether this hub can restore an entry of an earlier one; logs it if not."""
    if is_restorable(by_type.get(type(entry.action))):
        return True
    message = "%s stays as it is: this hub cannot restore %s any more"
    _log.warning(message, entry.previous.target, entry.action.description)
    return False
