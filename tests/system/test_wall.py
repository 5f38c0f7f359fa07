"""The wall of the installed service: an attacker in the living sense; resolved, avahi and D-Bus run beside it."""

import json
import secrets
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.system.attacker import ATTACK, CAMERA, LISTEN, NETWORK
from tests.system.installed import INSTALL, MARKS, pid_of, sees, state_of, until
from tests.system.machine import Machine, debian

pytestmark = MARKS

_SETTINGS = '[home]\nname = "livingroom"\n[camera]\nsource = "stand-in"\n[microphone]\nsource = "stand-in"\n'
_IN_SENSE = (
    "gdb -p {pid} -batch -ex 'set confirm off' -ex 'call (int)PyGILState_Ensure()' "
    """-ex 'call (int)PyRun_SimpleString("exec(open(\\"/srv/attack.py\\").read())")' """
    "-ex 'call (void)PyGILState_Release($1)' 2>&1"
)
_DROP_IN = "/etc/systemd/system/mien-sense.service.d/camera.conf"


@pytest.fixture(scope="module", params=["bookworm", "trixie"])
def machine(request: pytest.FixtureRequest) -> Iterator[Machine]:
    """Mien, resolved, avahi, D-Bus and a broker, and a house at the other end of a wire, which keeps what it hears."""
    packages = "mosquitto mosquitto-clients gdb systemd-resolved avahi-daemon"
    with debian(request.param, packages) as disk:
        disk.clone()
        disk.run(f"{INSTALL} --no-start && printf '{_SETTINGS}' > /etc/mien/mien.toml")
        for name, text in {"attack": ATTACK, "listen": LISTEN, "camera": CAMERA}.items():
            disk.run(f"cat > /srv/{name}.py <<'P'\n{text}P")
        with disk.booted() as running:
            running.run(NETWORK)
            yield running


def attack(machine: Machine, command: str, result: str) -> tuple[dict[str, Any], bool]:
    """(What the attacker found, whether the house heard its mark). `result`: where it writes that."""
    mark = f"mark{secrets.token_hex(8)}"
    machine.run(
        f"echo {mark} > /srv/mark; pgrep -f '[t]oml hub' | head -1 > /srv/hub-pid; rm -f {result}; : > /srv/heard; "
        "awk 'NR>1 && NF>7 {print $8}' /proc/net/unix | sort -u | grep -v mien > /srv/sockets; chmod 644 /srv/*"
    )
    assert "avahi-daemon" in machine.run("cat /srv/sockets")
    said = machine.run(command, check=False)
    assert machine.run(f"ls {result}", check=False), said
    found = json.loads(machine.run(f"cat {result}"))
    # systemd's notifications are the service's own: they tell it that sense lives.
    found["other sockets"] = [path for path in found["other sockets"] if path != "/run/systemd/notify"]
    time.sleep(2)
    return found, mark.encode() in machine.read("/srv/heard")


def attack_sense(machine: Machine) -> tuple[dict[str, Any], bool]:
    command = _IN_SENSE.format(pid=pid_of(machine, "mien-sense"))
    return attack(machine, command, "/var/lib/private/mien-sense/attack.json")


def test_outside_the_wall_the_attack_gets_through(machine: Machine) -> None:
    """Otherwise it would prove nothing."""
    until(machine, sees)
    command = "systemd-run -q --wait -p DynamicUser=yes -p StateDirectory=mallory python3 /srv/attack.py"
    found, heard = attack(machine, command, "/var/lib/private/mallory/attack.json")
    print(found)
    assert heard
    assert found["resolved"].startswith("done")
    assert found["avahi"].startswith("done")
    assert "OK" in found["D-Bus"]
    assert found["loopback"] == found["udp"] == found["multicast"] == "done"
    assert len(found["other sockets"]) > 5


def test_an_attacker_in_sense_sends_not_one_byte(machine: Machine) -> None:
    until(machine, sees)
    isolation = state_of(machine)["sense"]["isolation"]
    assert isolation["enforced"] is True, (isolation, machine.run("journalctl -q -o cat -u mien-sense | tail -30"))
    found, heard = attack_sense(machine)
    print(found)
    assert not heard
    assert found["user"] >= 61184, "the attack ran in the service"
    assert found["other sockets"] == found["processes"] == []
    for name in ("resolved", "avahi", "D-Bus", "journal"):
        assert found[name] == "ENOENT", name
    network = ("tcp", "page", "loopback", "broker", "udp", "ipv6", "multicast", "packet", "raw", "vsock", "bluetooth")
    assert {name: found[name] for name in network} == dict.fromkeys(network, "EAFNOSUPPORT")
    gained = ("ptrace", "unshare", "setns", "mount", "io_uring", "mknod")
    assert {name: found[name] for name in gained} == dict.fromkeys(gained, "EPERM")
    assert found["memory of hub"] in ("ENOENT", "EACCES")
    assert found["files of hub"] in ("ENOENT", "EACCES")
    assert {found[name] for name in ("cron", "program", "run", "door removed")} <= {"EROFS", "ENOENT"}
    assert found["core"] != "done"
    until(machine, sees)


def test_the_door_is_there_after_each_restart_and_kill_of_hub(machine: Machine) -> None:
    until(machine, sees)
    sense = pid_of(machine, "mien-sense")
    for turn in range(10):
        machine.run("systemctl reset-failed mien-hub; systemctl restart mien-hub")
        print(f"restart {turn + 1}: whole again after {until(machine, sees):.1f} s")
    for turn in range(3):
        machine.run(f"systemctl reset-failed mien-hub; kill -9 {pid_of(machine, 'mien-hub')}")
        time.sleep(1)
        print(f"kill {turn + 1}: whole again after {until(machine, sees):.1f} s")
    assert pid_of(machine, "mien-sense") == sense
    found, heard = attack_sense(machine)
    assert (found["other sockets"], heard) == ([], False)


def test_doctor_says_what_the_running_sense_has_proved(machine: Machine) -> None:
    until(machine, sees)
    findings = json.loads(machine.run("mien doctor --json", check=False))["findings"]
    (said,) = [finding for finding in findings if finding["check"] == "no network in sense"]
    assert said["ok"] is True
    assert "tested by the running sense itself" in said["said"]
    assert state_of(machine)["problems"] == []


def test_the_exposure_is_what_it_says(machine: Machine) -> None:
    for unit in ("sense", "hub", "kiosk"):
        path = f"/srv/mien/systemd/mien-{unit}.service"
        said = machine.run(f"systemd-analyze security --offline=yes --no-pager {path}")
        print(unit, said.rsplit("service: ", 1)[1].split()[0])


def test_a_newcomer_who_writes_an_address_gets_a_sentence(machine: Machine) -> None:
    """Not a traceback and a dead service."""
    until(machine, sees)
    _use_camera(machine, "http://192.0.2.1:8080/stream")
    machine.run("systemctl reload mien-sense mien-hub")
    asked = "sudo mien camera allow 192.0.2.1"
    until(machine, lambda state: any(asked in problem for problem in state["problems"]))
    assert machine.run("systemctl is-active mien-sense") == "active\n"
    assert "Traceback" not in machine.run("journalctl -q -o cat -u mien-sense")


def test_an_ip_camera_is_the_only_thing_that_it_reaches(machine: Machine) -> None:
    machine.run(
        "systemd-run -q --unit=camera -p NetworkNamespacePath=/run/netns/house "
        "$(readlink -f /opt/mien/bin)/python /srv/camera.py"
    )
    machine.run("systemctl reset-failed mien-sense; mien camera allow")
    assert "nothing to change" in machine.run("mien camera allow 192.0.2.1")
    until(machine, lambda state: sees(state) and state["sense"]["stages"]["camera"]["state"] == "ok", 60)
    assert "/stream" in machine.run("cat /srv/asked")
    isolation = state_of(machine)["sense"]["isolation"]
    assert isolation["enforced"] is True, (isolation, machine.run("journalctl -q -o cat -u mien-sense | tail -30"))
    assert "one proxy, to http://192.0.2.1:8080" in isolation["detail"]
    found, heard = attack_sense(machine)
    print(found)
    assert not heard
    assert found["other sockets"] == []
    assert found["processes"] == [], "not even the helper that has the network"
    refused = {"ENETUNREACH", "EAFNOSUPPORT", "ECONNREFUSED", "EPERM", "ENODEV"}
    for name in ("tcp", "page", "loopback", "broker", "udp", "ipv6", "multicast", "packet", "raw", "vsock"):
        assert found[name] in refused, name
    for name in ("ptrace", "unshare", "setns", "mount", "io_uring", "mknod"):
        assert found[name] == "EPERM", name
    for name in ("resolved", "avahi", "D-Bus", "journal"):
        assert found[name] == "ENOENT", name
    until(machine, lambda state: sees(state) and state["sense"]["stages"]["camera"]["state"] == "ok")
    machine.run("mien camera forbid")
    assert "No such file" in machine.run(f"ls {_DROP_IN} 2>&1", check=False)
    until(machine, lambda state: any("mien camera allow" in problem for problem in state["problems"]))
    _use_camera(machine, "stand-in")
    machine.run("systemctl reload mien-sense mien-hub")
    until(machine, sees)


@pytest.mark.parametrize("user", ["anna", "root"])
def test_by_hand_an_attacker_sends_not_one_byte_either(machine: Machine, user: str) -> None:
    """`mien sense` as an ordinary user and as root, beside a hub of the same user."""
    home = "/root" if user == "root" else f"/home/{user}"
    machine.run("systemctl stop mien.target mien-hub mien-sense")
    machine.run(f"id {user} || useradd -m {user}; mkdir -p -m700 /run/user/{user} && chown {user} /run/user/{user}")
    text = _SETTINGS.replace("[home]", f'[home]\nrequire_isolation = true\nstate_dir = "{home}/state"')
    machine.run(f"cat > /srv/{user}.toml <<'S'\n{text}S")
    by_hand = (
        f"systemd-run -q -p User={user} -E XDG_RUNTIME_DIR=/run/user/{user} -E HOME={home} -E OPENBLAS_NUM_THREADS=1"
    )
    for command in ("hub", "sense"):
        machine.run(f"{by_hand} --unit={user}-{command} /opt/mien/bin/mien --settings /srv/{user}.toml {command}")
    try:
        until(machine, sees, 60)
        isolation = state_of(machine)["sense"]["isolation"]
        assert (isolation["enforced"], isolation["gaps"]) == (True, []), isolation
        pid = pid_of(machine, f"{user}-sense")
        found, heard = attack(machine, _IN_SENSE.format(pid=pid), f"/proc/{pid}/root/tmp/attack.json")
        print(found)
        assert not heard
        assert found["user"] == int(machine.run(f"id -u {user}"))
        assert found["other sockets"] == found["processes"] == []
        for name in ("resolved", "avahi", "D-Bus", "journal"):
            assert found[name] == "ENOENT", name
        for name in ("tcp", "page", "loopback", "broker", "udp", "ipv6", "multicast", "packet", "raw", "vsock"):
            assert found[name] == "EAFNOSUPPORT", name
        for name in ("ptrace", "unshare", "setns", "mount", "io_uring", "mknod"):
            assert found[name] == "EPERM", name
        assert {found[name] for name in ("cron", "program", "run")} <= {"EROFS", "EACCES", "ENOENT"}
        until(machine, sees)
    finally:
        machine.run(f"systemctl stop {user}-sense {user}-hub; systemctl start mien.target", check=False)


def test_it_comes_from_the_units_before(machine: Machine) -> None:
    """Until 0.1, systemd made the folder of the sockets for the hub, and took it away with it."""
    units = "/usr/local/lib/systemd/system"
    machine.run(
        "systemctl stop mien.target mien-hub mien-sense; rm -rf /run/mien /usr/local/lib/tmpfiles.d/mien.conf; "
        r"sed -i 's,^ReadWritePaths=/run/mien,RuntimeDirectory=mien\nRuntimeDirectoryMode=0750,' "
        f"{units}/mien-hub.service; "
        "systemctl daemon-reload; systemctl reset-failed 'mien-*'; systemctl start mien-hub"
    )
    assert machine.run("stat -c %G:%a /run/mien") == "mien:750\n"
    assert "mien-sense.service: active" in machine.run(f"{INSTALL}", timeout_s=300)
    until(machine, sees)
    assert machine.run("stat -c '%F %U:%G %a' /run/mien") == "directory root:mien 770\n"
    assert state_of(machine)["sense"]["isolation"]["enforced"] is True
    machine.run(f"{INSTALL} --uninstall")
    left = machine.run("ls -d /run/mien /usr/local/lib/tmpfiles.d/mien.conf 2>&1", check=False)
    assert left.count("No such file") == 2


def _use_camera(machine: Machine, source: str) -> None:
    text = _SETTINGS.replace('source = "stand-in"', f'source = "{source}"', 1)
    machine.run(f"cat > /etc/mien/mien.toml <<'S'\n{text}S")
