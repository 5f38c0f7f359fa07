"""The page on a screen: three units in a booted Debian, cage without a screen, and a picture of what it shows."""

import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.page.browser import SCREENS
from tests.system.machine import Machine, debian, missing

pytestmark = [
    pytest.mark.system,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(bool(missing()), reason=missing() or "-"),
]
_SETTINGS = '[home]\nname = "livingroom"\n[camera]\nsource = "stand-in"\n[microphone]\nsource = "stand-in"\n'
# No screen, no console: what a headless machine lacks. Everything else is the unit's own.
_HEADLESS = """[Service]
PAMName=
TTYPath=
StandardInput=null
TTYReset=no
TTYVHangup=no
TTYVTDisallocate=no
UtmpIdentifier=
Environment=WLR_BACKENDS=headless WLR_RENDERER=pixman WLR_LIBINPUT_NO_DEVICES=1 XDG_RUNTIME_DIR=/run/mien-kiosk
"""
_PREPARE = f"""set -e
mkdir -p /etc/mien /etc/systemd/system/mien-kiosk.service.d
cat > /etc/mien/mien.toml <<'S'
{_SETTINGS}S
cat > /etc/systemd/system/mien-kiosk.service.d/headless.conf <<'S'
{_HEADLESS}S
/srv/mien/systemd/install.sh --kiosk --no-start
"""
# The page asks for the password on this device, too; then other users of it see nothing.
_ASK_LOCALLY = """set -e
chgrp mien /etc/mien/mien.toml && chmod 640 /etc/mien/mien.toml
printf 'calm lamps\\n' | mien kiosk password >/dev/null
printf '[kiosk]\\nlocal_password = true\\npassword_file = "/etc/mien/kiosk-password.json"\\n' >> /etc/mien/mien.toml
mien config check
systemctl restart mien-hub
systemctl restart mien-kiosk"""
_STATUS = """runuser -u nobody -- python3 -c '
import urllib.error, urllib.request
try:
    print(urllib.request.urlopen("http://127.0.0.1:8137/{path}", timeout=2).status)
except urllib.error.HTTPError as error:
    print(error.code)'"""
_GRAB = (
    "runuser -u mien-kiosk -- env XDG_RUNTIME_DIR=/run/mien-kiosk WAYLAND_DISPLAY=wayland-0 grim /run/mien-kiosk/s.png"
)


def test_the_unit_shows_the_page_in_cage() -> None:
    with debian("trixie", "chromium cage grim fonts-noto-core") as disk:
        disk.clone()
        disk.run(_PREPARE)
        with disk.booted() as machine:
            for unit in ("mien-hub", "mien-sense", "mien-kiosk"):
                machine.until(f"systemctl is-active {unit}", 30)
            assert machine.run("systemd-analyze verify /usr/local/lib/systemd/system/mien* 2>&1") == ""
            _shows_the_page(machine)
            machine.run(_ASK_LOCALLY)
            machine.until("grep -q '\"is_kiosk\":true' /var/lib/mien-hub/sessions.json", 60)
            _shows_the_page(machine)
            for path in ("", "api/state", "metrics"):
                assert machine.run(_STATUS.format(path=path)) == "401\n"
            # The start page's own key, in no list of processes.
            key = machine.run("cat /var/lib/mien-hub/page-key")
            assert key in machine.run("cat /run/mien-kiosk/start.html")
            assert machine.run("stat -c '%U %a' /run/mien-kiosk/start.html") == "mien-kiosk 600\n"
            assert key not in machine.run("cat /proc/*/cmdline", check=False)
            assert "hub and sense run" in machine.run("mien doctor", check=False)


def _shows_the_page(machine: Machine) -> None:
    machine.until("ls /run/mien-kiosk/wayland-0", 30)
    picture, end_s = None, time.monotonic() + 60
    while picture is None or picture.std() < 5:  # until Chromium has drawn
        assert time.monotonic() < end_s, "nothing was shown"
        time.sleep(2)
        machine.run(_GRAB)
        content = machine.read("/run/mien-kiosk/s.png")
        picture = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    SCREENS.mkdir(parents=True, exist_ok=True)
    (SCREENS / "cage.png").write_bytes(content)
    # The page's night: #101318, blue first. An error page of the browser is white or gray.
    night = np.abs(picture.astype(int) - np.array([0x18, 0x13, 0x10])).max(axis=2) < 6
    assert night.mean() > 0.4
    assert Path(SCREENS / "cage.png").stat().st_size > 20_000
