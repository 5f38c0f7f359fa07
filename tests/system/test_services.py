"""The installed services on Debian 12 and 13: walled in, killed, hung and given new settings."""

import json
import time

import pytest

from tests.system.installed import MARKS, pid_of, sees, until
from tests.system.machine import Machine

pytestmark = MARKS


def test_verify_says_nothing_and_little_is_exposed(machine: Machine) -> None:
    assert machine.run("systemd-analyze verify /usr/local/lib/systemd/system/mien* 2>&1") == ""
    for unit, most in (("sense", 0.6), ("hub", 1.1)):
        units = "/usr/local/lib/systemd/system"
        said = machine.run(f"systemd-analyze security --offline=yes --no-pager {units}/mien-{unit}.service")
        exposure = float(said.rsplit("service: ", 1)[1].split()[0])
        print(f"exposure of {unit}: {exposure}")
        assert exposure <= most


def _journal(machine: Machine, unit: str) -> str:
    return machine.run(f"journalctl -q --no-pager -o cat -u {unit}")


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
    until(machine, sees)
    # The ones that run: what the kernel shows of their namespaces.
    sense_pid, hub_pid = pid_of(machine, "mien-sense"), pid_of(machine, "mien-hub")
    interfaces = machine.run(f"tail -n +3 /proc/{sense_pid}/net/dev | cut -d: -f1 | xargs")
    assert interfaces == "lo\n"
    addresses = machine.run(f"nsenter -t {sense_pid} -n ip -o addr")
    assert {line.split()[1] for line in addresses.splitlines()} <= {"lo"}
    assert "192.0.2.7" not in addresses  # the machine's own, which hub has
    assert "192.0.2.7" in machine.run(f"nsenter -t {hub_pid} -n ip -o addr")
    assert "video0" not in machine.run(f"ls /proc/{hub_pid}/root/dev")


@pytest.mark.parametrize("unit", ["sense", "hub"])
def test_what_is_killed_comes_back_and_it_is_told(machine: Machine, unit: str) -> None:
    until(machine, sees)
    machine.run("systemctl reset-failed 'mien-*'")
    since = machine.run("date +%s").strip()
    other = "hub" if unit == "sense" else "sense"
    before, untouched = pid_of(machine, f"mien-{unit}"), pid_of(machine, f"mien-{other}")
    begun_s = time.monotonic()
    machine.run(f"kill -9 {before}")
    if unit == "sense":
        told_s = until(machine, lambda state: not state["sense"]["available"] and "away" in state["sense"]["problem"])
        print(f"sense killed: told after {told_s:.1f} s")
    until(machine, sees)
    print(f"{unit} killed: whole again after {time.monotonic() - begun_s:.1f} s")
    assert pid_of(machine, f"mien-{unit}") not in (0, before)
    assert pid_of(machine, f"mien-{other}") == untouched
    assert "Main process exited, code=killed, status=9/KILL" in machine.run(
        f"journalctl -q --no-pager -o cat --since=@{since} UNIT=mien-{unit}.service"
    )
    machine.until(f"mien history --since 10m | grep '{unit} was away'", 20)


def test_a_hung_inference_is_killed_by_the_watchdog(machine: Machine) -> None:
    until(machine, sees)
    machine.run("systemctl reset-failed 'mien-*'")
    process = pid_of(machine, "mien-sense")
    machine.run(f"systemd-run -q --unit=hold python3 /srv/hold.py {process}")
    machine.until("journalctl -q -o cat -u hold | grep held")
    begun_s = time.monotonic()
    until(machine, lambda state: "it hangs; sense will be started again" in json.dumps(state), 20)
    print(f"one thread held: told after {time.monotonic() - begun_s:.1f} s")
    machine.until(f"! test -e /proc/{process}", 60)
    print(f"one thread held: killed after {time.monotonic() - begun_s:.1f} s")
    until(machine, sees)
    print(f"one thread held: whole again after {time.monotonic() - begun_s:.1f} s")
    assert "Watchdog timeout" in machine.run("journalctl -q -o cat UNIT=mien-sense.service")


def test_a_process_that_stands_still_is_killed_by_the_watchdog(machine: Machine) -> None:
    until(machine, sees)
    machine.run("systemctl reset-failed 'mien-*'")
    process = pid_of(machine, "mien-sense")
    machine.run(f"kill -STOP {process}")
    begun_s = time.monotonic()
    told_s = until(machine, lambda state: not state["sense"]["available"])
    print(f"sense stopped: told after {told_s:.1f} s")
    machine.until(f"! test -e /proc/{process}", 60)
    print(f"sense stopped: killed after {time.monotonic() - begun_s:.1f} s")
    until(machine, sees)
    # What it saw lies in no core file.
    assert machine.run("find / -xdev -type f \\( -name core -o -name 'core.[0-9]*' \\)") == ""
    said = machine.run("journalctl -q -o cat UNIT=mien-sense.service")
    assert "code=killed, status=6/ABRT" in said
    assert "code=dumped" not in said


def test_new_settings_are_taken_up_and_wrong_ones_are_not(machine: Machine) -> None:
    until(machine, sees)
    pids = pid_of(machine, "mien-sense"), pid_of(machine, "mien-hub")
    machine.run("cp /etc/mien/mien.toml /srv/good.toml; echo '[camera]' >> /etc/mien/mien.toml")
    machine.run("systemctl reload mien-hub mien-sense")
    for unit in ("mien-hub", "mien-sense"):
        machine.until(f"journalctl -q -o cat -u {unit} | grep 'new settings were not applied'", 10)
    assert pids == (pid_of(machine, "mien-sense"), pid_of(machine, "mien-hub"))
    machine.run("sed 's/livingroom/kitchen/' /srv/good.toml > /etc/mien/mien.toml")
    machine.run("systemctl reload mien-hub mien-sense")
    until(machine, lambda state: sees(state) and state["name"] == "kitchen")
    machine.run("cp /srv/good.toml /etc/mien/mien.toml; systemctl restart mien.target")
