"""Mien as a user installs it: systemd/install.sh from a clone, on Debian 12 and 13, with a real systemd."""

import json
from pathlib import Path
from typing import Any

from tests.system.inside import PAIR
from tests.system.installed import ASK, INSTALL, MARKS, OFFLINE, pid_of, sees, state_of, until
from tests.system.machine import Machine

pytestmark = MARKS

# What stands on the disk, without what a running system writes by itself.
_RUNS = ["/proc", "/sys", "/dev", "/run", "/tmp", "/var/tmp", "/srv", "/var/log"]
_RUNS += ["/var/cache/apt", "/var/lib/apt", "/var/lib/systemd"]
_STANDING = f"find / -xdev \\( {' -o '.join(f'-path {path}' for path in _RUNS)} \\) -prune -o -print | sort"


def test_it_starts_with_the_machine_and_moods_arrive(machine: Machine) -> None:
    for unit in ("mien.target", "mien-hub", "mien-sense"):
        assert machine.until(f"systemctl is-active {unit}") == "active\n"
        assert machine.run(f"systemctl is-enabled {unit}") == "enabled\n"
    until(machine, lambda state: sees(state) and state["mood"]["people"])
    history = machine.until("mien history --since 1h | grep -E 'happy|sad|angry|surprise|fear|neutral|disgust'")
    print(history)
    doctor = machine.run("mien doctor")
    assert "Mien can work here." in doctor
    assert "hub and sense run" in doctor


def test_a_second_run_changes_nothing_and_leaves_what_was_edited(machine: Machine) -> None:
    until(machine, sees)
    machine.run(
        "echo '# mine' >> /etc/mien/mien.toml; d=/etc/systemd/system/mien-sense.service.d; mkdir -p $d; "
        "printf '[Service]\\nNice=1\\n' > $d/mine.conf; systemctl daemon-reload"
    )
    standing = machine.run(f"cat /etc/mien/mien.toml; {_STANDING}")
    pids = pid_of(machine, "mien-sense"), pid_of(machine, "mien-hub")
    said = machine.run(INSTALL)
    assert "Nothing to change." in said
    assert "Nothing to change." in machine.run(f"{INSTALL} --dry-run")
    assert pids == (pid_of(machine, "mien-sense"), pid_of(machine, "mien-hub"))
    assert machine.run(f"cat /etc/mien/mien.toml; {_STANDING}") == standing


def test_a_failed_update_leaves_the_old_one_running(machine: Machine) -> None:
    pids = pid_of(machine, "mien-sense"), pid_of(machine, "mien-hub")
    old = machine.run("readlink /opt/mien/bin")
    machine.run("echo >> /srv/mien/device/__init__.py")
    said = machine.run(f"PIP_NO_INDEX=1 {INSTALL} 2>&1 || echo failed", timeout_s=300)
    assert "The installed version keeps running." in said
    assert said.endswith("failed\n")
    # One that is whole, and does not start.
    command = "/srv/mien/device/commands/run.py"
    machine.run(f"cp {command} /srv/; echo 'raise SystemExit(3)' >> {command}")
    said = machine.run(f"{OFFLINE} {INSTALL} 2>&1 || echo failed", timeout_s=300)
    assert "the old version runs again" in said
    assert said.endswith("failed\n")
    machine.run(f"cp /srv/hub_alone.py {command}")
    assert machine.run("readlink /opt/mien/bin; ls -d /opt/mien/venv-* | wc -l") == f"{old}1\n"
    assert pids != (0, 0)
    until(machine, sees)


def test_an_update_takes_the_place_of_the_old_one(machine: Machine) -> None:
    old = machine.run("readlink /opt/mien/bin")
    machine.run("sed -i 's/^__version__ = .*/__version__ = \"9.9.9\"/' /srv/mien/device/__init__.py")
    said = machine.run(f"{OFFLINE} {INSTALL}", timeout_s=300)
    assert "Output of mien doctor:" in said
    assert machine.run("mien --version") == "mien 9.9.9\n"
    assert machine.run("readlink /opt/mien/bin") != old
    assert machine.run("ls -d /opt/mien/venv-* | wc -l") == "1\n"
    until(machine, lambda state: sees(state) and "9.9.9" in json.dumps(state))
    assert machine.run("systemctl show -P Nice mien-sense") == "1\n"


def test_what_was_disabled_stays_so(machine: Machine) -> None:
    machine.run("systemctl disable --now mien-sense")
    machine.run(INSTALL)
    assert machine.run("systemctl is-active mien-sense", check=False) == "inactive\n"
    machine.run("systemctl enable --now mien-sense")
    until(machine, sees)


def test_secrets_are_lent_to_hub_alone(machine: Machine) -> None:
    machine.run(
        "printf %s 'correct horse' | install -m600 /dev/stdin /etc/mien/mqtt-password; "
        "printf %s 'battery staple' | mien kiosk password; "
        "stat -c %U:%G:%a /etc/mien/kiosk-password.json | grep -x root:mien:640; "
        "chmod 600 /etc/mien/kiosk-password.json; "
        "mosquitto_passwd -c -b /etc/mosquitto/passwd mien 'correct horse'; chmod 644 /etc/mosquitto/passwd; "
        "printf 'listener 1883 127.0.0.1\\nallow_anonymous false\\npassword_file /etc/mosquitto/passwd\\n' "
        "> /etc/mosquitto/conf.d/house.conf; systemctl restart mosquitto"
    )
    secrets = "/run/credentials/mien-hub.service"
    machine.run(
        'cp /etc/mien/mien.toml /srv/before.toml; printf \'[mqtt]\\nhost = "127.0.0.1"\\nusername = "mien"\\n'
        f'password_file = "{secrets}/mqtt"\\n[kiosk]\\nlisten = "0.0.0.0"\\npassword_file = "{secrets}/kiosk"\\n\' '
        ">> /etc/mien/mien.toml; mien config check"
    )
    machine.run(
        "install -D -m644 /srv/mien/systemd/credentials.example "
        "/etc/systemd/system/mien-hub.service.d/credentials.conf; systemctl daemon-reload; systemctl restart mien-hub"
    )
    listen = "mosquitto_sub -h 127.0.0.1 -u mien -P 'correct horse' -t mien/livingroom/state -C 1 -W 10"
    told = machine.until(listen, 30)
    assert "mood" in told
    machine.run("ip addr replace 192.0.2.7/24 dev lo")
    ask = ASK.replace("127.0.0.1", "192.0.2.7")
    assert "401" in machine.run(f"{ask} 2>&1", check=False)
    url, header = '"http://192.0.2.7:8137/api/state"', '{"Authorization": "Bearer battery staple"}'
    ask = ask.replace(url, f"urllib.request.Request({url}, headers={header})")
    assert '"mood"' in machine.until(ask, 10)
    assert machine.run("stat -c %U:%a /etc/mien/mqtt-password /etc/mien/kiosk-password.json | sort -u") == "root:600\n"
    user = machine.run("ps -o uid= -C mien | sort -u | head -1").strip()
    readable = f"setpriv --reuid={user} --regid=mien --clear-groups cat /etc/mien/mqtt-password"
    assert "correct" not in machine.run(readable, check=False)
    sense = pid_of(machine, "mien-sense")
    assert machine.run(f"ls /proc/{sense}/root/run/credentials/mien-hub.service 2>&1", check=False).count("mqtt") <= 1
    machine.run("cp /srv/before.toml /etc/mien/mien.toml; systemctl restart mien.target")


def test_a_model_is_installed_used_and_taken_back(machine: Machine) -> None:
    def restarted(version: str, *, damaged: bool = False) -> None:
        machine.run("systemctl reset-failed mien-sense; systemctl restart mien-sense")
        until(machine, lambda state: sees(state) and _face(state) == version)
        told = "the installed face model is damaged" in json.dumps(state_of(machine)["problems"])
        assert told is damaged

    until(machine, sees)
    shipped, process = _face(state_of(machine)), pid_of(machine, "mien-sense")
    machine.run(f"cat > /srv/pair.py <<'P'\n{PAIR}P\npython3 /srv/pair.py")
    machine.run("cd /srv; mkdir cut; cp handed/face.json cut; head -c 9000 handed/face.tflite > cut/face.tflite")
    refused = machine.run("mien models install /srv/cut/face.tflite 2>&1 || echo failed")
    assert "nothing was changed" in refused
    assert refused.endswith("failed\n")
    said = machine.run("mien models install /srv/handed/face.tflite")
    assert f"face 7.7.7 (installed) replaces {shipped}." in said
    assert "systemctl restart mien-sense" in said
    assert (_face(state_of(machine)), pid_of(machine, "mien-sense")) == (shipped, process), (
        "it goes on with what it has"
    )
    restarted("7.7.7")
    assert "face 7.7.7, installed on" in machine.run("mien models list")
    # A damaged one gives way, and the same again mends it.
    machine.run("truncate -s 9000 $(find /var/lib/private/mien-sense/models -name '*.tflite')")
    restarted(shipped, damaged=True)
    machine.run("mien models install /srv/handed/face.tflite")
    restarted("7.7.7")
    assert f"face {shipped} (shipped) replaces 7.7.7." in machine.run("mien models rollback")
    restarted(shipped)
    assert "nothing to go back to" in machine.run("mien models rollback 2>&1", check=False)


def _face(state: dict[str, Any]) -> str:
    """The version that sense reads faces with."""
    return str(state["sense"]["models"].get("face"))


def test_nothing_but_settings_and_history_is_left_when_it_goes(machine: Machine) -> None:
    machine.run(f"{INSTALL} --uninstall --dry-run")
    until(machine, sees)
    remembered = machine.run("mien history --since 1h | wc -l")
    settings = machine.run("cat /etc/mien/mien.toml")
    said = machine.run(f"{INSTALL} --uninstall")
    assert "Debian packages were installed for Mien and stay" in said
    left = [path for path in machine.run(_STANDING).splitlines() if "mien" in path]
    print("left:", *left)
    kept = ("/etc/mien", "/var/lib/private/mien-", "/var/lib/mien-", "/etc/systemd/system/mien-")
    assert left
    assert all(path.startswith(kept) for path in left)
    assert machine.run("getent passwd mien-kiosk; getent group mien mien-kiosk", check=False) == ""
    assert (
        machine.run(
            "systemctl list-units --state=active,activating,failed --no-legend 'mien*'; ps -C mien -o pid=", check=False
        )
        == ""
    )
    assert machine.run("cat /etc/mien/mien.toml") == settings
    assert "Mien is not installed here" in machine.run(f"{INSTALL} --uninstall")
    # It comes back to what it had: by the installer alone, with systemd running.
    said = machine.run(f"{OFFLINE} {INSTALL}", timeout_s=300)
    assert "mien-sense.service: active" in said
    until(machine, sees)
    assert int(machine.run("mien history --since 1h | wc -l")) >= int(remembered)
    assert machine.run("cat /etc/mien/mien.toml") == settings
    machine.run(f"{INSTALL} --uninstall --purge")
    assert [path for path in machine.run(_STANDING).splitlines() if "mien" in Path(path).name] == []
