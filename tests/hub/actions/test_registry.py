"""All actions and destinations, from a settings file."""

import asyncio
import importlib
import json
import pkgutil
from pathlib import Path
from typing import Any

import pytest

import device.settings.actions
from device.errors import SettingsError
from device.hub.actions.base import DONE, Resources, is_restorable
from device.hub.actions.mpd import Queue
from device.hub.actions.registry import build_destinations, build_dispatcher
from device.hub.actions.restore.ledger import LedgerFile, RestoreLedger
from device.hub.actions.restore.previous_state import PreviousState
from device.hub.actions.transport.http import Http
from device.hub.actions.wled import State
from device.settings.actions.base import Action
from device.settings.actions.command import Command
from device.settings.actions.home_assistant import CallService
from device.settings.actions.hue import HueLight
from device.settings.actions.mpd import Music
from device.settings.actions.mqtt_publish import Publish
from device.settings.actions.registry import ACTIONS
from device.settings.actions.virtual import Lamp, Player
from device.settings.actions.webhook import Webhook
from device.settings.actions.wled import Wled
from device.settings.load import parse
from device.settings.schema import Settings
from tests.hub.actions.hue_bridge import LAMP
from tests.hub.actions.peers import WHY, Peer, raw
from tests.hub.conftest import free_port
from tests.hub.hub_running import run

EVERYTHING = """
[home_assistant]
url = "http://127.0.0.1:{port}"
token_file = "{folder}/token"
[hue]
bridge = "127.0.0.1"
port = {port}
key_file = "{folder}/hue.json"
[mpd]
host = "127.0.0.1"
port = {mail}
"""


def test_every_action_is_in_the_registry_with_its_target_and_its_code(tmp_path: Path) -> None:
    """A forgotten one would never be superseded, or silently never restored."""
    for module in pkgutil.iter_modules(device.settings.actions.__path__):
        importlib.import_module(f"device.settings.actions.{module.name}")
    assert set(Action.__subclasses__()) == set(ACTIONS)
    settings = parse(EVERYTHING.format(port=1, mail=1, folder=tmp_path), "all")
    destinations = build_destinations(Resources(settings, Http(), None, lambda _: None, lambda _: None))
    assert destinations.keys() == set(ACTIONS)
    for action, destination in destinations.items():
        own = vars(action)
        assert own.keys() >= {"target", "restorable", "description"}, action
        assert is_restorable(destination) == (own["restorable"] is not False), action
        if is_restorable(destination):
            assert hasattr(destination, "previous_type"), action


async def mail(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"220 mail.example.com ESMTP\r\n")
    await reader.read(100)


def test_each_action_reaches_its_destination(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("token")
    (tmp_path / "hue.json").write_text(json.dumps({"application_key": "k", "certificate_sha256": "ab" * 32}))
    states: list[dict[str, Any]] = []

    async def story() -> None:
        async with Peer() as peer, raw(mail) as (mail_port, _):
            text = EVERYTHING.format(port=peer.port, mail=mail_port, folder=tmp_path)
            everything = build_dispatcher(parse(text, "all"), None, states.append, states.append)
            results = {
                action.description: await everything.run(action, WHY)
                for action in (
                    Lamp(),
                    Player("calm"),
                    CallService("light.turn_on"),
                    Wled(peer.host),
                    Webhook(f"http://{peer.host}/"),
                    Command(("true",)),
                )
            }
            assert set(results.values()) == {DONE}, results
            assert "set mqtt.host" in await everything.run(Publish("a", "b"), WHY)
            assert "no secure connection" in await everything.run(HueLight(light=LAMP), WHY)
            assert "is that an MPD?" in await everything.run(Music("calm"), WHY)
            assert everything.state(Lamp) == states[0]
            await everything.close()
            await everything.close()

    run(story())
    assert len(states) == 2


def test_a_destination_that_the_settings_do_not_name_is_not_built() -> None:
    async def story() -> None:
        bare = build_dispatcher(Settings(), None, lambda _: None, lambda _: None)
        for action in (CallService("light.turn_on"), HueLight(light=LAMP), Music("calm")):
            assert await bare.run(action, WHY) == f"{action.kind}: the settings name no destination for it"
        await bare.close()

    run(story())


def test_entries_that_this_hub_cannot_restore_are_logged_and_dropped(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    mine = parse(f'[home]\nstate_dir = "{tmp_path}"\n', "house")

    async def story() -> None:
        file = LedgerFile(mine.state_dir, {Publish: Queue, Music: Queue, Wled: State})
        ledger = RestoreLedger(on_change=file.save)
        for action, target in ((Publish("a", "b"), "odd"), (Music("calm"), "mpd"), (Wled("sofa"), "wled sofa")):
            more = State(on=True, bri=7, seg=()) if isinstance(action, Wled) else Queue((), "stop", None, None, 0.0)
            ledger.record(target, action, [PreviousState(target, {"on": True}, {"on": False}, details=more)])
        await file.close()
        again = build_dispatcher(mine, None, lambda _: None, lambda _: None)
        assert again.rules_to_restore == ["wled sofa"]
        await again.close()

    run(story())
    assert "odd stays as it is: this hub cannot restore message to a any more" in caplog.text
    assert "mpd stays as it is: this hub cannot restore" in caplog.text


@pytest.mark.parametrize("action", [Wled("127.0.0.1:1"), Command(("false",)), Lamp()])
def test_a_dry_dispatcher_does_nothing(action: Wled | Command | Lamp) -> None:
    async def story() -> None:
        states: list[dict[str, Any]] = []
        dry = build_dispatcher(Settings(), None, states.append, states.append, dry=True)
        assert await dry.run(action, WHY, remember=True) == f"dry run: {action.description}"
        assert states == []
        await dry.close()

    run(story())


def test_a_hue_transition_has_the_limit_of_the_bridge() -> None:
    with pytest.raises(SettingsError, match="6000"):
        parse(
            f'[[rules]]\nname = "x"\nmood = ["sad"]\n'
            f'do = [{{action = "hue", light = "{LAMP}", transition_s = 6001}}]\n'
            f'[hue]\nbridge = "x"\nport = {free_port()}\nkey_file = "x"\n',
            "house",
        )
