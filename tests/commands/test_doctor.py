"""What `mien doctor` says about the live view, one of the two exceptions to the isolation, and about a running Mien."""

import asyncio
from pathlib import Path

import msgspec
import pytest

from device.commands.doctor import examine
from device.ipc.messages import Stage, State
from device.settings.schema import Settings
from device.system.check import Check
from tests.hub.conftest import free_port, house, short
from tests.hub.hub_running import WELL, Sense, run, running, until

__all__ = ["house", "short"]


def check_live_view(path: Path, kiosk: str) -> Check:
    path.write_text(
        f'[home]\nstate_dir = "{path.parent}/state"\n[camera]\nsource = "off"\n[microphone]\nsource = "off"\n'
        f"[kiosk]\nport = 0\n{kiosk}\n"
    )
    (found,) = [finding for finding in examine(path) if finding.name == "live view"]
    return found


@pytest.mark.parametrize(
    ("kiosk", "ok", "said", "fix"),
    [
        ("", True, "off in the settings", ""),
        ("live_view = true\nenabled = false", True, "the page is off", ""),
        ("live_view = true", None, "anyone on this device", "kiosk.live_view = false"),
        (
            'live_view = true\nlisten = "0.0.0.0"\npassword_file = "p"',
            None,
            "anyone with the page's password, from 0.0.0.0",
            "kiosk.live_view = false",
        ),
    ],
)
def test_the_live_view_is_reported_with_who_can_watch(
    tmp_path: Path, kiosk: str, ok: bool | None, said: str, fix: str
) -> None:
    found = check_live_view(tmp_path / "mien.toml", kiosk)
    assert found.ok is ok
    assert said in found.message
    assert fix in found.fix
    assert bool(found.fix) is (ok is None)


def test_devices_that_the_running_sense_uses_are_reported_by_it(house: Settings, tmp_path: Path) -> None:
    port = free_port()
    mine = msgspec.structs.replace(house, kiosk=msgspec.structs.replace(house.kiosk, port=port))
    path = tmp_path / "mien.toml"
    path.write_text(f'[camera]\nsource = "/dev/none"\n[kiosk]\nport = {port}\n')
    lost = Stage(State.LOST, "the microphone is gone; plug it in")

    async def story() -> list[Check]:
        async with running(mine) as hub, Sense(mine) as sense:
            sense.health = msgspec.structs.replace(WELL, stages={**WELL.stages, "microphone": lost})
            await until(lambda: hub.store.now.health == sense.health)
            return await asyncio.to_thread(lambda: list(examine(path)))

    said = {finding.name: finding for finding in run(story(), 60)}
    assert said["camera"] == Check("camera", True, "in use by the running sense: ok, 10.0 per second")
    assert said["microphone"].ok is False
    assert said["microphone"].fix == "the microphone is gone; plug it in"
    assert said["running"].message.startswith("hub and sense run")
