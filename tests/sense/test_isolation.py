"""The isolation of `sense`, tested from inside. Each test needs a process of its own: there is no way back."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from device.system.isolation import check_isolation

_INSIDE = """
import json, socket, sys
from device.system.isolation import drop_network, drop_capabilities, check_isolation
port, path = int(sys.argv[1]), sys.argv[2]
if sys.argv[3] == "without capabilities":
    drop_capabilities()  # as for any user: only a user namespace is left

def connect(family, address):
    with socket.socket(family, socket.SOCK_STREAM) as line:
        line.settimeout(2)
        code = line.connect_ex(address)
        return line.recv(5).decode() if code == 0 else code

before = connect(socket.AF_INET, ("127.0.0.1", port))
detail = drop_network()
isolation = check_isolation(detail)
if not isolation.enforced:
    sys.exit(detail)
drop_network()
again = check_isolation(detail).enforced
with open(path + ".file", "w") as file:
    file.write("written inside")
print(json.dumps({
    "detail": detail, "enforced": isolation.enforced, "interfaces": isolation.interfaces, "refused": isolation.refused,
    "before": before, "tcp": connect(socket.AF_INET, ("127.0.0.1", port)), "unix": connect(socket.AF_UNIX, path),
    "route": open("/proc/net/route").read().splitlines()[1:], "again": again,
}))
"""


def _greet(listener: socket.socket) -> None:
    with contextlib.suppress(OSError):  # the listener is closed at the end
        while True:
            line, _ = listener.accept()
            with line:
                line.sendall(b"hello")


@pytest.fixture(scope="module", params=["as we are", "without capabilities"])
def inside(request: pytest.FixtureRequest) -> dict[str, Any]:
    """What a process finds after dropping its network, while a TCP and a Unix server of ours listen outside."""
    with (
        TemporaryDirectory(prefix="mien-", dir="/tmp") as folder,
        socket.create_server(("127.0.0.1", 0)) as tcp,
        socket.socket(socket.AF_UNIX) as unix,
    ):
        path = str(Path(folder) / "s")
        unix.bind(path)
        unix.listen()
        command = [sys.executable, "-c", _INSIDE, str(tcp.getsockname()[1]), path, request.param]
        for listener in (tcp, unix):
            threading.Thread(target=_greet, args=(listener,), daemon=True).start()
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
        if "refused" in done.stderr:
            pytest.skip(done.stderr.strip())
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        found["written"] = Path(path + ".file").stat().st_uid
    return found


def test_the_listener_was_reachable_before(inside: dict[str, Any]) -> None:
    assert inside["before"] == "hello"


def test_inside_there_is_no_interface_but_loopback_and_no_route(inside: dict[str, Any]) -> None:
    assert set(inside["interfaces"]) <= {"lo"}
    assert inside["route"] == []


def test_inside_a_connection_even_to_this_machine_fails(inside: dict[str, Any]) -> None:
    assert isinstance(inside["tcp"], int)
    assert inside["tcp"] != 0


def test_inside_a_unix_socket_still_works(inside: dict[str, Any]) -> None:
    assert inside["unix"] == "hello"


def test_the_check_says_enforced_and_how(inside: dict[str, Any]) -> None:
    assert inside["enforced"] is True
    assert "namespace" in inside["detail"]
    assert inside["refused"] == "Network is unreachable"


def test_a_second_time_changes_nothing(inside: dict[str, Any]) -> None:
    assert inside["again"] is True


def test_a_file_written_inside_belongs_to_the_same_user(inside: dict[str, Any]) -> None:
    assert inside["written"] == os.getuid()


def test_a_process_with_a_network_is_not_isolated() -> None:
    names = [name for _, name in socket.if_nameindex()]
    if set(names) <= {"lo"}:
        pytest.skip("this machine itself has no network")
    isolation = check_isolation("none")
    assert isolation.enforced is False
    assert set(isolation.interfaces) == set(names)


_NO_WAY_BACK = """
import ctypes, os, sys
from device.system.isolation import drop_network, drop_capabilities
outside = os.open("/proc/self/ns/net", os.O_RDONLY)
detail = drop_network()
if "refused" in detail:
    sys.exit(detail)
drop_capabilities()
libc = ctypes.CDLL(None, use_errno=True)
print(libc.setns(outside, 0), os.strerror(ctypes.get_errno()))
"""


def test_even_root_finds_no_way_back() -> None:
    done = subprocess.run([sys.executable, "-c", _NO_WAY_BACK], capture_output=True, text=True, check=False)
    if "refused" in done.stderr:
        pytest.skip(done.stderr)
    assert done.stdout.strip() == "-1 Operation not permitted", done.stderr


_REFUSED = """
import os, sys
from device.system.isolation import drop_network, drop_capabilities, check_isolation
os.chroot(sys.argv[1])  # the kernel gives no user namespace inside a chroot
drop_capabilities()
detail = drop_network()
os.write(1, (detail + "|" + str(check_isolation(detail).enforced)).encode())
os._exit(0)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="chroot takes root")
def test_a_kernel_that_refuses_is_reported_as_not_enforced(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _REFUSED, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    detail, _, enforced = done.stdout.partition("|")
    assert "the kernel refused a network namespace (Operation not permitted)" in detail, done.stderr
    assert enforced == "False"


_OUT_OF_DESCRIPTORS = """
import os, resource
from device.system.isolation import check_isolation
limits = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (3, limits[1]))
isolation = check_isolation("none")
resource.setrlimit(resource.RLIMIT_NOFILE, limits)
print(isolation.enforced, isolation.refused)
"""


def test_a_connection_that_fails_for_another_reason_proves_nothing() -> None:
    done = subprocess.run([sys.executable, "-c", _OUT_OF_DESCRIPTORS], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "False Too many open files", done.stderr
