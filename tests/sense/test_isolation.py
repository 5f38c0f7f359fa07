"""The walls of `sense`, tried from inside them. Each test's walls are a process of their own: there is no way back."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from device.sense.isolation import prove

_INSIDE = """
import json, socket, sys
from device.sense.isolation import drop_network, prove
port, path = int(sys.argv[1]), sys.argv[2]

def tried(family, address):
    with socket.socket(family, socket.SOCK_STREAM) as line:
        line.settimeout(2)
        code = line.connect_ex(address)
        return line.recv(5).decode() if code == 0 else code

before = tried(socket.AF_INET, ("127.0.0.1", port))
detail = drop_network()
walls = prove(detail)
drop_network()
again = prove(detail).enforced
with open(path + ".file", "w") as file:
    file.write("written inside")
print(json.dumps({
    "detail": detail, "enforced": walls.enforced, "interfaces": walls.interfaces, "refused": walls.refused,
    "before": before, "tcp": tried(socket.AF_INET, ("127.0.0.1", port)), "unix": tried(socket.AF_UNIX, path),
    "route": open("/proc/net/route").read().splitlines()[1:], "again": again,
}))
"""


@pytest.fixture(scope="module")
def inside() -> dict[str, Any]:
    """What a process finds that has dropped its network: a TCP and a Unix listener of ours are there to be reached."""
    with (
        TemporaryDirectory(prefix="mien-", dir="/tmp") as folder,
        socket.create_server(("127.0.0.1", 0)) as tcp,
        socket.socket(socket.AF_UNIX) as unix,
    ):
        path = str(Path(folder) / "s")
        unix.bind(path)
        unix.listen()
        command = [sys.executable, "-c", _INSIDE, str(tcp.getsockname()[1]), path]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            for listener in (tcp, unix):
                listener.settimeout(30)
                line, _ = listener.accept()
                with line:
                    line.sendall(b"hello")
            answer, _ = process.communicate(timeout=30)
        found: dict[str, Any] = json.loads(answer)
        found["written"] = Path(path + ".file").stat().st_uid
    if not found["enforced"] and "refused" in found["detail"]:
        pytest.skip(found["detail"])
    return found


def test_the_listener_was_reached_before_the_walls_stood(inside: dict[str, Any]) -> None:
    assert inside["before"] == "hello"


def test_inside_there_is_no_interface_but_loopback_and_no_route(inside: dict[str, Any]) -> None:
    assert set(inside["interfaces"]) <= {"lo"}
    assert inside["route"] == []


def test_inside_a_connection_even_to_this_machine_fails(inside: dict[str, Any]) -> None:
    assert isinstance(inside["tcp"], int)
    assert inside["tcp"] != 0


def test_inside_a_unix_socket_still_works(inside: dict[str, Any]) -> None:
    assert inside["unix"] == "hello"


def test_the_proof_says_enforced_and_by_what_means(inside: dict[str, Any]) -> None:
    assert inside["enforced"] is True
    assert "namespace" in inside["detail"]
    assert inside["refused"] == "Network is unreachable"


def test_a_second_time_changes_nothing(inside: dict[str, Any]) -> None:
    assert inside["again"] is True


def test_what_is_written_inside_belongs_to_the_same_user(inside: dict[str, Any]) -> None:
    assert inside["written"] == os.getuid()


def test_a_process_with_a_network_is_not_called_walled_in() -> None:
    names = [name for _, name in socket.if_nameindex()]
    if set(names) <= {"lo"}:
        pytest.skip("this machine itself has no network")
    walls = prove("none")
    assert walls.enforced is False
    assert set(walls.interfaces) == set(names)
