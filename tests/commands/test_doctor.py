"""What `mien doctor` says of the live view, one of the two exceptions to the walls."""

from pathlib import Path

import pytest

from device.commands.doctor import examine
from device.commands.finding import Finding


def said_of(path: Path, kiosk: str) -> Finding:
    path.write_text(
        f'[home]\nstate_dir = "{path.parent}/state"\n[camera]\nsource = "off"\n[microphone]\nsource = "off"\n'
        f"[kiosk]\nport = 0\n{kiosk}\n"
    )
    (found,) = [finding for finding in examine(path) if finding.check == "live view"]
    return found


@pytest.mark.parametrize(
    ("kiosk", "ok", "said", "fix"),
    [
        ("", True, "off in the settings", ""),
        ("live_view = true\nenabled = false", True, "no page to look at", ""),
        ("live_view = true", None, "whoever uses this device", "kiosk.live_view = false"),
        (
            'live_view = true\nlisten = "0.0.0.0"\npassword_file = "p"',
            None,
            "whoever has the page's password, from 0.0.0.0",
            "kiosk.live_view = false",
        ),
    ],
)
def test_the_live_view_is_told_with_who_may_look(
    tmp_path: Path, kiosk: str, ok: bool | None, said: str, fix: str
) -> None:
    found = said_of(tmp_path / "mien.toml", kiosk)
    assert found.ok is ok
    assert said in found.said
    assert fix in found.fix
    assert bool(found.fix) is (ok is None)
