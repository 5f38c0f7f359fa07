"""Mien as a user installs it: systemd/install.sh from a clone, on Debian 12 and 13, with a real systemd."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.system.inside import HOLD, PAIR, PROBE
from tests.system.machine import Machine, debian, missing

pytestmark = [
    pytest.mark.system,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(bool(missing()), reason=missing() or "-"),
]
_INSTALL = "/srv/mien/systemd/install.sh"
_SETTINGS = '[home]\nname = "livingroom"\n[camera]\nsource = "stand-in"\n[microphone]\nsource = "stand-in"\n'
_ASK = """python3 -c '
import urllib.request
print(urllib.request.urlopen("http://127.0.0.1:8137/api/state", timeout=2).read().decode())'"""
# What a later installation needs, since the booted machine has no network.
_WHEELS = (
    "python3 -m venv /srv/pip && cp -r /srv/mien /srv/copy && "
    "/srv/pip/bin/pip download -q -d /srv/wheels /srv/copy 'setuptools>=77' && rm -r /srv/pip /srv/copy"
)
_OFFLINE = "PIP_NO_INDEX=1 PIP_FIND_LINKS=/srv/wheels"
# What stands on the disk, without what a running system writes by itself.
_RUNS = ["/proc", "/sys", "/dev", "/run", "/tmp", "/var/tmp", "/srv", "/var/log"]
_RUNS += ["/var/cache/apt", "/var/lib/apt", "/var/lib/systemd"]
_STANDING = f"find / -xdev \\( {' -o '.join(f'-path {path}' for path in _RUNS)} \\) -prune -o -print | sort"


@pytest.fixture(scope="module", params=["bookworm", "trixie"])
def machine(request: pytest.FixtureRequest) -> Iterator[Machine]:
    """Prepared without systemd, as an image is built; then booted, and what follows runs in it one by one."""
    with debian(request.param, "mosquitto mosquitto-clients") as disk:
        disk.clone()
        refused = disk.run(_INSTALL, check=False)
        assert "--no-start" in refused
        begun_s = time.monotonic()
        said = disk.run(f"{_INSTALL} --no-start")
        print(f"{request.param}: installed in {time.monotonic() - begun_s:.0f} s")
        assert "Debian packages that are missing: python3-pyaudio" in said
        assert "What mien doctor says:" in said
        assert disk.run("stat -c '%U:%G %a' /etc/mien/mien.toml") == "root:mien 640\n"
        assert disk.run("cd /srv/mien && ls -d build *.egg-info", check=False).count("No such file") == 2  # no traces
        disk.run(f"{_WHEELS} && cp /etc/mien/mien.toml /srv/first.toml && printf '{_SETTINGS}' > /etc/mien/mien.toml")
        disk.run(f"install -m755 /dev/stdin /srv/probe.py <<'P'\n{PROBE}P\ncat > /srv/hold.py <<'P'\n{HOLD}P")
        with disk.booted() as running:
            yield running


def _state(machine: Machine) -> dict[str, Any]:
    state: dict[str, Any] = json.loads(machine.run(_ASK))
    return state


def _until(machine: Machine, holds: Callable[[dict[str, Any]], object], limit_s: float = 30) -> float:
    """How long it took until the hub's state is so, seconds."""
    begun_s = time.monotonic()
    while True:
        try:
            state = _state(machine)
        except AssertionError:
            state = {}
        if state and holds(state):
            return time.monotonic() - begun_s
        assert time.monotonic() - begun_s < limit_s, f"not within {limit_s:g} s: {state}"
        time.sleep(0.1)


def _sees(state: dict[str, Any]) -> bool:
    return bool(state["sense"]["available"] and state["mood"])


def _pid(machine: Machine, unit: str) -> int:
    return int(machine.run(f"systemctl show -P MainPID {unit}"))


def _journal(machine: Machine, unit: str) -> str:
    return machine.run(f"journalctl -q --no-pager -o cat -u {unit}")


def test_it_starts_with_the_machine_and_moods_arrive(machine: Machine) -> None:
    for unit in ("mien.target", "mien-hub", "mien-sense"):
        assert machine.until(f"systemctl is-active {unit}") == "active\n"
        assert machine.run(f"systemctl is-enabled {unit}") == "enabled\n"
    _until(machine, lambda state: _sees(state) and state["mood"]["people"])
    history = machine.until("mien history --since 1h | grep -E 'happy|sad|angry|surprise|fear|neutral|disgust'")
    print(history)
    doctor = machine.run("mien doctor")
    assert "Mien can work here." in doctor
    assert "hub and sense run" in doctor


def test_verify_says_nothing_and_little_is_exposed(machine: Machine) -> None:
    assert machine.run("systemd-analyze verify /usr/local/lib/systemd/system/mien* 2>&1") == ""
    for unit, most in (("sense", 0.8), ("hub", 1.2)):
        units = "/usr/local/lib/systemd/system"
        said = machine.run(f"systemd-analyze security --offline=yes --no-pager {units}/mien-{unit}.service")
        exposure = float(said.rsplit("service: ", 1)[1].split()[0])
        print(f"exposure of {unit}: {exposure}")
        assert exposure <= most


def test_sense_has_no_network_and_hub_no_device(machine: Machine) -> None:
    machine.run("test -e /dev/video0 || mknod /dev/video0 c 81 0 || touch /dev/video0; chmod 666 /dev/video0")
    assert "192.0.2.7" in machine.run("ip addr add 192.0.2.7/24 dev lo; ip -o addr")
    found = {}
    for unit in ("sense", "hub"):
        folder = f"/run/systemd/system/mien-{unit}.service.d"
        machine.run(f"mkdir -p {folder}; printf '[Service]\\nExecStartPre=/srv/probe.py\\n' > {folder}/probe.conf")
    machine.run("sed -i '1i #!/usr/bin/python3' /srv/probe.py; systemctl daemon-reload; systemctl restart mien-hub")
    machine.run("systemctl restart mien-sense")
    for unit in ("sense", "hub"):
        said = next(line for line in _journal(machine, f"mien-{unit}").splitlines() if line.startswith("PROBE"))
        found[unit] = json.loads(said.removeprefix("PROBE"))
        machine.run(f"rm /run/systemd/system/mien-{unit}.service.d/probe.conf")
    machine.run("systemctl daemon-reload; systemctl restart mien.target")
    print(found)
    sense, hub = found["sense"], found["hub"]
    assert sense["interfaces"] == ["lo"]  # its own, with nobody on it
    assert sense["connection"] == sense["packet"] == "EAFNOSUPPORT"
    assert sense["video"] != "ENOENT"
    assert hub["video"] == "ENOENT"
    only = {"null", "zero", "full", "random", "urandom", "tty", "ptmx", "pts", "shm", "mqueue", "hugepages", "core"}
    assert set(hub["devices"]) <= only | {"fd", "stdin", "stdout", "stderr", "log", "initctl", "char"}
    assert hub["packet"] == "EAFNOSUPPORT"
    for each in (sense, hub):
        assert each["settings"] == "done"
        assert each["shadow"] == "EACCES"
        assert each["written"] == "EROFS"
        assert each["user"] >= 61184  # lent by systemd
    _until(machine, _sees)
    # The ones that run: what the kernel shows of their namespaces.
    sense_pid, hub_pid = _pid(machine, "mien-sense"), _pid(machine, "mien-hub")
    interfaces = machine.run(f"tail -n +3 /proc/{sense_pid}/net/dev | cut -d: -f1 | xargs")
    assert interfaces == "lo\n"
    addresses = machine.run(f"nsenter -t {sense_pid} -n ip -o addr")
    assert {line.split()[1] for line in addresses.splitlines()} <= {"lo"}
    assert "192.0.2.7" not in addresses  # the machine's own, which hub has
    assert "192.0.2.7" in machine.run(f"nsenter -t {hub_pid} -n ip -o addr")
    assert "video0" not in machine.run(f"ls /proc/{hub_pid}/root/dev")


@pytest.mark.parametrize("unit", ["sense", "hub"])
def test_what_is_killed_comes_back_and_it_is_told(machine: Machine, unit: str) -> None:
    _until(machine, _sees)
    machine.run("systemctl reset-failed 'mien-*'")
    since = machine.run("date +%s").strip()
    other = "hub" if unit == "sense" else "sense"
    before, untouched = _pid(machine, f"mien-{unit}"), _pid(machine, f"mien-{other}")
    begun_s = time.monotonic()
    machine.run(f"kill -9 {before}")
    if unit == "sense":
        told_s = _until(machine, lambda state: not state["sense"]["available"] and "away" in state["sense"]["problem"])
        print(f"sense killed: told after {told_s:.1f} s")
    _until(machine, _sees)
    print(f"{unit} killed: whole again after {time.monotonic() - begun_s:.1f} s")
    assert _pid(machine, f"mien-{unit}") not in (0, before)
    assert _pid(machine, f"mien-{other}") == untouched
    assert "Main process exited, code=killed, status=9/KILL" in machine.run(
        f"journalctl -q --no-pager -o cat --since=@{since} UNIT=mien-{unit}.service"
    )
    machine.until(f"mien history --since 10m | grep '{unit} was away'", 20)


def test_a_hung_inference_is_killed_by_the_watchdog(machine: Machine) -> None:
    _until(machine, _sees)
    machine.run("systemctl reset-failed 'mien-*'")
    process = _pid(machine, "mien-sense")
    machine.run(f"systemd-run -q --unit=hold python3 /srv/hold.py {process}")
    machine.until("journalctl -q -o cat -u hold | grep held")
    begun_s = time.monotonic()
    _until(machine, lambda state: "it hangs; the watchdog restarts sense" in json.dumps(state), 20)
    print(f"one thread held: told after {time.monotonic() - begun_s:.1f} s")
    machine.until(f"! test -e /proc/{process}", 60)
    print(f"one thread held: killed after {time.monotonic() - begun_s:.1f} s")
    _until(machine, _sees)
    print(f"one thread held: whole again after {time.monotonic() - begun_s:.1f} s")
    assert "Watchdog timeout" in machine.run("journalctl -q -o cat UNIT=mien-sense.service")


def test_a_process_that_stands_still_is_killed_by_the_watchdog(machine: Machine) -> None:
    _until(machine, _sees)
    machine.run("systemctl reset-failed 'mien-*'")
    process = _pid(machine, "mien-sense")
    machine.run(f"kill -STOP {process}")
    begun_s = time.monotonic()
    told_s = _until(machine, lambda state: not state["sense"]["available"])
    print(f"sense stopped: told after {told_s:.1f} s")
    machine.until(f"! test -e /proc/{process}", 60)
    print(f"sense stopped: killed after {time.monotonic() - begun_s:.1f} s")
    _until(machine, _sees)
    # What it saw lies in no core file.
    assert machine.run("find / -xdev -type f \\( -name core -o -name 'core.[0-9]*' \\)") == ""
    said = machine.run("journalctl -q -o cat UNIT=mien-sense.service")
    assert "code=killed, status=6/ABRT" in said
    assert "code=dumped" not in said


def test_a_model_is_installed_used_and_taken_back(machine: Machine) -> None:
    def restarted(version: str, *, damaged: bool = False) -> None:
        machine.run("systemctl reset-failed mien-sense; systemctl restart mien-sense")
        _until(machine, lambda state: _sees(state) and _face(state) == version)
        told = "the installed face model is damaged" in json.dumps(_state(machine)["problems"])
        assert told is damaged

    _until(machine, _sees)
    shipped, process = _face(_state(machine)), _pid(machine, "mien-sense")
    machine.run(f"cat > /srv/pair.py <<'P'\n{PAIR}P\npython3 /srv/pair.py")
    machine.run("cd /srv; mkdir cut; cp handed/face.json cut; head -c 9000 handed/face.tflite > cut/face.tflite")
    refused = machine.run("mien models install /srv/cut/face.tflite 2>&1 || echo failed")
    assert "nothing was changed" in refused
    assert refused.endswith("failed\n")
    said = machine.run("mien models install /srv/handed/face.tflite")
    assert f"face 7.7.7 (installed) takes the place of {shipped}." in said
    assert "systemctl restart mien-sense" in said
    assert (_face(_state(machine)), _pid(machine, "mien-sense")) == (shipped, process), "it goes on with what it has"
    restarted("7.7.7")
    assert "face 7.7.7, installed on" in machine.run("mien models list")
    # A damaged one gives way, and the same again mends it.
    machine.run("truncate -s 9000 $(find /var/lib/private/mien-sense/models -name '*.tflite')")
    restarted(shipped, damaged=True)
    machine.run("mien models install /srv/handed/face.tflite")
    restarted("7.7.7")
    assert f"face {shipped} (the shipped one) takes the place of 7.7.7." in machine.run("mien models rollback")
    restarted(shipped)
    assert "nothing to go back to" in machine.run("mien models rollback 2>&1", check=False)


def _face(state: dict[str, Any]) -> str:
    """The version that sense reads faces with."""
    return str(state["sense"]["models"].get("face"))


def test_secrets_are_lent_to_hub_alone(machine: Machine) -> None:
    machine.run(
        "printf %s 'correct horse' | install -m600 /dev/stdin /etc/mien/mqtt-password; "
        "printf %s 'battery staple' | mien kiosk password; "
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
    ask = _ASK.replace("127.0.0.1", "192.0.2.7")
    assert "401" in machine.run(f"{ask} 2>&1", check=False)
    url, header = '"http://192.0.2.7:8137/api/state"', '{"Authorization": "Bearer battery staple"}'
    ask = ask.replace(url, f"urllib.request.Request({url}, headers={header})")
    assert '"mood"' in machine.until(ask, 10)
    assert machine.run("stat -c %U:%a /etc/mien/mqtt-password /etc/mien/kiosk-password.json | sort -u") == "root:600\n"
    user = machine.run("ps -o uid= -C mien | sort -u | head -1").strip()
    readable = f"setpriv --reuid={user} --regid=mien --clear-groups cat /etc/mien/mqtt-password"
    assert "correct" not in machine.run(readable, check=False)
    sense = _pid(machine, "mien-sense")
    assert machine.run(f"ls /proc/{sense}/root/run/credentials/mien-hub.service 2>&1", check=False).count("mqtt") <= 1
    machine.run("cp /srv/before.toml /etc/mien/mien.toml; systemctl restart mien.target")


def test_new_settings_are_taken_up_and_wrong_ones_are_not(machine: Machine) -> None:
    _until(machine, _sees)
    pids = _pid(machine, "mien-sense"), _pid(machine, "mien-hub")
    machine.run("cp /etc/mien/mien.toml /srv/good.toml; echo '[camera]' >> /etc/mien/mien.toml")
    machine.run("systemctl reload mien-hub mien-sense")
    for unit in ("mien-hub", "mien-sense"):
        machine.until(f"journalctl -q -o cat -u {unit} | grep 'new settings were not taken over'", 10)
    assert pids == (_pid(machine, "mien-sense"), _pid(machine, "mien-hub"))
    machine.run("sed 's/livingroom/kitchen/' /srv/good.toml > /etc/mien/mien.toml")
    machine.run("systemctl reload mien-hub mien-sense")
    _until(machine, lambda state: _sees(state) and state["name"] == "kitchen")
    machine.run("cp /srv/good.toml /etc/mien/mien.toml; systemctl restart mien.target")


def test_a_second_run_changes_nothing_and_leaves_what_was_edited(machine: Machine) -> None:
    _until(machine, _sees)
    machine.run(
        "echo '# mine' >> /etc/mien/mien.toml; d=/etc/systemd/system/mien-sense.service.d; mkdir -p $d; "
        "printf '[Service]\\nNice=1\\n' > $d/mine.conf; systemctl daemon-reload"
    )
    standing = machine.run(f"cat /etc/mien/mien.toml; {_STANDING}")
    pids = _pid(machine, "mien-sense"), _pid(machine, "mien-hub")
    said = machine.run(_INSTALL)
    assert "Nothing had to be changed." in said
    assert "Nothing would have to be changed." in machine.run(f"{_INSTALL} --dry-run")
    assert pids == (_pid(machine, "mien-sense"), _pid(machine, "mien-hub"))
    assert machine.run(f"cat /etc/mien/mien.toml; {_STANDING}") == standing


def test_a_failed_update_leaves_the_old_one_running(machine: Machine) -> None:
    pids = _pid(machine, "mien-sense"), _pid(machine, "mien-hub")
    old = machine.run("readlink /opt/mien/bin")
    machine.run("echo >> /srv/mien/device/__init__.py")
    said = machine.run(f"PIP_NO_INDEX=1 {_INSTALL} 2>&1 || echo failed", timeout_s=300)
    assert "The installed one runs on as it was." in said
    assert said.endswith("failed\n")
    # One that is whole, and does not start.
    command = "/srv/mien/device/commands/hub_alone.py"
    machine.run(f"cp {command} /srv/; echo 'raise SystemExit(3)' >> {command}")
    said = machine.run(f"{_OFFLINE} {_INSTALL} 2>&1 || echo failed", timeout_s=300)
    assert "the old one runs again" in said
    assert said.endswith("failed\n")
    machine.run(f"cp /srv/hub_alone.py {command}")
    assert machine.run("readlink /opt/mien/bin; ls -d /opt/mien/venv-* | wc -l") == f"{old}1\n"
    assert pids != (0, 0)
    _until(machine, _sees)


def test_an_update_takes_the_place_of_the_old_one(machine: Machine) -> None:
    old = machine.run("readlink /opt/mien/bin")
    machine.run("sed -i 's/^__version__ = .*/__version__ = \"9.9.9\"/' /srv/mien/device/__init__.py")
    said = machine.run(f"{_OFFLINE} {_INSTALL}", timeout_s=300)
    assert "What mien doctor says:" in said
    assert machine.run("mien --version") == "mien 9.9.9\n"
    assert machine.run("readlink /opt/mien/bin") != old
    assert machine.run("ls -d /opt/mien/venv-* | wc -l") == "1\n"
    _until(machine, lambda state: _sees(state) and "9.9.9" in json.dumps(state))
    assert machine.run("systemctl show -P Nice mien-sense") == "1\n"


def test_what_was_disabled_stays_so(machine: Machine) -> None:
    machine.run("systemctl disable --now mien-sense")
    machine.run(_INSTALL)
    assert machine.run("systemctl is-active mien-sense", check=False) == "inactive\n"
    machine.run("systemctl enable --now mien-sense")
    _until(machine, _sees)


def test_nothing_but_settings_and_history_is_left_when_it_goes(machine: Machine) -> None:
    machine.run(f"{_INSTALL} --uninstall --dry-run")
    _until(machine, _sees)
    remembered = machine.run("mien history --since 1h | wc -l")
    settings = machine.run("cat /etc/mien/mien.toml")
    said = machine.run(f"{_INSTALL} --uninstall")
    assert "Debian packages stay" in said
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
    assert "No Mien of this installer is here." in machine.run(f"{_INSTALL} --uninstall")
    # It comes back to what it had: by the installer alone, with systemd running.
    said = machine.run(f"{_OFFLINE} {_INSTALL}", timeout_s=300)
    assert "mien-sense.service: active" in said
    _until(machine, _sees)
    assert int(machine.run("mien history --since 1h | wc -l")) >= int(remembered)
    assert machine.run("cat /etc/mien/mien.toml") == settings
    machine.run(f"{_INSTALL} --uninstall --purge")
    assert [path for path in machine.run(_STANDING).splitlines() if "mien" in Path(path).name] == []
