"""The wall around `sense`, tested from inside by an attacker's means. Each test needs a process: there is no way back.

Each runs as who runs the tests, then (by root) as an ordinary user: root keeps more to give up, others need a user
namespace for it.
"""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from device.system.isolation import Gap, check_isolation
from tests.command_line import HOUSE
from tests.coverage_files import measured

_USER = 4711
WALL = """
import json, os, sys
from pathlib import Path
from device.system.isolation.enclosure import Enclosure, Needs
folder = Path(sys.argv[1])
# Where coverage is measured, its file has to be written as well.
places = [Path.cwd()] if "coverage" in sys.modules else []
def enclosed(internet=False):
    wall = Enclosure(Needs((folder / "run",), (folder / "state", *places)))
    detail = wall.enter()
    if "refused" in detail:
        sys.exit(detail)
    wall.seal(internet=internet)
    return wall.prove(detail)
"""
_ATTACK = (
    WALL
    + """
import ctypes, errno, resource, socket, subprocess, termios, fcntl, threading
port, other = int(sys.argv[2]), sys.argv[3]

def tried(call):
    try:
        found = call()
    except OSError as error:
        return errno.errorcode.get(error.errno, str(error))
    return "done" if found is None else found

def connected(family, address, kind=socket.SOCK_STREAM):
    with socket.socket(family, kind) as line:
        line.settimeout(2)
        line.connect(address)
        if kind == socket.SOCK_STREAM:
            return line.recv(5).decode()

libc = ctypes.CDLL(None, use_errno=True)
def called(name, *arguments):
    ctypes.set_errno(0)
    result = getattr(libc, name)(*arguments)
    return "done" if result >= 0 else errno.errorcode[ctypes.get_errno()]

before = tried(lambda: connected(socket.AF_INET, ("127.0.0.1", port)))
outside = os.open("/proc/self/ns/net", os.O_RDONLY)
listed = os.open("/tmp", os.O_RDONLY)  # a folder that was left open
isolation = enclosed()
print(json.dumps({
    "isolation": [isolation.enforced, list(isolation.gaps), isolation.detail, isolation.refused],
    "interfaces": isolation.interfaces,
    "before": before,
    "tcp": tried(lambda: connected(socket.AF_INET, ("127.0.0.1", port))),
    "udp": tried(lambda: connected(socket.AF_INET, ("192.0.2.1", 53), socket.SOCK_DGRAM)),
    "ipv6": tried(lambda: connected(socket.AF_INET6, ("2001:db8::1", 53), socket.SOCK_DGRAM)),
    "packet": tried(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW).close()),
    "vsock": tried(lambda: socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM).close()),
    "door": tried(lambda: connected(socket.AF_UNIX, str(folder / "run" / "door.sock"))),
    "other": tried(lambda: connected(socket.AF_UNIX, other)),
    "relative": tried(lambda: connected(socket.AF_UNIX, f"/proc/self/fd/{listed}/{Path(other).relative_to('/tmp')}")),
    "abstract": tried(lambda: connected(socket.AF_UNIX, "\\0mien-test-" + str(port))),
    "state": tried(lambda: (folder / "state" / "file").write_text("x")),
    "run": tried(lambda: (folder / "run" / "file").write_text("x")),
    "home": tried(lambda: Path("~/.profile").expanduser().open("a").close()),
    "cron": tried(lambda: Path("/etc/cron.d/mien").write_text("* * * * * root true")),
    "sysctl": tried(lambda: Path("/proc/sys/kernel/core_pattern").open("w").close()),
    "mknod": tried(lambda: os.mknod("/tmp/null", 0o20600, os.makedev(1, 3))),
    "fifo": tried(lambda: os.mkfifo("/tmp/fifo")),
    "namespace": called("unshare", 0x10000000),
    "setns": called("setns", outside, 0),
    "mount": called("mount", b"none", b"/tmp", b"tmpfs", 0, None),
    "umount": called("umount2", b"/tmp", 2),
    "ptrace": called("ptrace", 16, os.getppid(), 0, 0),
    "memory": tried(lambda: os.close(os.open(f"/proc/{os.getppid()}/mem", os.O_RDONLY))),
    "root": tried(lambda: os.listdir(f"/proc/{os.getppid()}/root/tmp")),
    "type": called("ioctl", 0, 0x5412, b"x"),
    "capabilities": [line.split()[1] for line in open("/proc/self/status") if line[:4] in ("CapP", "CapE", "CapB")],
    "disks": [str(path) for path in Path("/dev").rglob("*") if path.is_block_device()],
    "keyboards": [str(path) for name in ("input", "bus") for path in Path("/dev", name).glob("*")],
    "core": resource.getrlimit(resource.RLIMIT_CORE),
    "dumpable": libc.prctl(3, 0, 0, 0, 0),
    "child": subprocess.run(["/bin/sh", "-c", "echo works"], capture_output=True, text=True).stdout,
}))
"""
)


def _greet(listener: socket.socket) -> None:
    with contextlib.suppress(OSError):  # the listener is closed at the end
        while True:
            line, _ = listener.accept()
            with line:
                line.sendall(b"hello")


def walled(script: str, *arguments: str, home: Path, user: str = "as we are") -> "subprocess.CompletedProcess[str]":
    """Run Python as this user or as an ordinary one; skips the test where there is none."""
    command, env = (
        [sys.executable, "-c", script, *arguments],
        {**os.environ, **measured(), "PYTHONPATH": str(HOUSE), "HOME": str(home)},
    )
    if user != "as we are":
        if os.geteuid() != 0:
            pytest.skip("only root can be another user")
        # Python may lie in a home that only root can read.
        python = next((name for name in ("/usr/bin/python3.11", "/usr/bin/python3.13") if Path(name).exists()), "")
        if not python or f"python{sys.version_info[0]}.{sys.version_info[1]}" not in python:
            pytest.skip("the system's Python is another version than that of the tests")
        packages = [path for path in sys.path if path.endswith("site-packages")]
        env |= {"PYTHONPATH": os.pathsep.join([str(HOUSE), *packages]), "PYTHONDONTWRITEBYTECODE": "1"}
        change = ["setpriv", f"--reuid={_USER}", f"--regid={_USER}", "--clear-groups"]
        source = str(HOUSE / "device" / "cli.py")
        if subprocess.run([*change, "test", "-r", source], check=False).returncode:
            pytest.skip(f"{source} lies in a folder that only root can read")
        command = [*change, python, *command[1:]]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture(params=["as we are", "an ordinary user"], scope="module")
def user(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def home(user: str) -> Iterator[Path]:
    """A home that is not in a folder which is emptied anyway."""
    with TemporaryDirectory(prefix="mien-home-", dir="/var/tmp" if os.geteuid() else "/var/lib") as name:
        if user != "as we are" and os.geteuid() == 0:
            os.chown(name, _USER, _USER)
        yield Path(name)


@pytest.fixture(scope="module")
def folder(user: str) -> Iterator[Path]:
    with TemporaryDirectory(prefix="mien-", dir="/tmp") as name:
        path = Path(name)
        for part in ("run", "state", "other"):
            (path / part).mkdir()
        if user != "as we are" and os.geteuid() == 0:
            for owned in (path, path / "run", path / "state"):
                os.chown(owned, _USER, _USER)
        yield path


@pytest.fixture(scope="module")
def inside(folder: Path, home: Path, user: str) -> dict[str, Any]:
    """What an attacker finds inside, while a TCP, a Unix and an abstract server and the door listen outside."""
    with contextlib.ExitStack() as stack:
        tcp = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        port = tcp.getsockname()[1]
        addresses = (str(folder / "run" / "door.sock"), str(folder / "other" / "socket"), f"\0mien-test-{port}")
        listeners = [tcp]
        for address in addresses:
            listener = stack.enter_context(socket.socket(socket.AF_UNIX))
            listener.bind(address)
            listener.listen()
            listeners.append(listener)
            if not address.startswith("\0"):
                Path(address).chmod(0o777)
        for listener in listeners:
            threading.Thread(target=_greet, args=(listener,), daemon=True).start()
        done = walled(_ATTACK, str(folder), str(port), addresses[1], home=home, user=user)
        if "refused" in done.stderr:
            pytest.skip(done.stderr.strip())
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        found["said"] = done.stderr
    return found


def test_before_the_wall_the_network_was_there(inside: dict[str, Any]) -> None:
    assert inside["before"] == "hello"


def test_the_proof_finds_no_way_out_and_says_how(inside: dict[str, Any]) -> None:
    enforced, gaps, detail, refused = inside["isolation"]
    assert (enforced, gaps) == (True, []), inside["said"]
    assert "namespace" in detail
    assert refused == "Address family not supported by protocol"


def test_inside_there_is_no_network(inside: dict[str, Any]) -> None:
    assert set(inside["interfaces"]) <= {"lo"}
    assert {inside[way] for way in ("tcp", "udp", "ipv6", "packet", "vsock")} == {"EAFNOSUPPORT"}


def test_inside_the_door_is_the_only_socket(inside: dict[str, Any]) -> None:
    assert inside["door"] == "hello"
    assert inside["other"] == "ENOENT"
    assert inside["abstract"] == "ECONNREFUSED" or inside["abstract"] == "EPERM"
    assert inside["relative"] in ("ENOENT", "ENOTDIR", "EBADF"), "a folder that was left open leads nowhere"


def test_inside_only_the_state_can_be_written(inside: dict[str, Any], folder: Path, user: str) -> None:
    assert inside["state"] == 1
    owner = os.getuid() if user == "as we are" else _USER
    assert (folder / "state" / "file").stat().st_uid == owner
    refused = {"EROFS", "EACCES", "EPERM", "ENOENT"}
    assert {inside[way] for way in ("run", "home", "cron", "sysctl")} <= refused


def test_inside_there_is_no_disk_and_no_usb(inside: dict[str, Any]) -> None:
    """Root opens them without a capability: they belong to it."""
    assert inside["disks"] == []
    assert inside["keyboards"] == []


def test_inside_nothing_can_be_gained_back(inside: dict[str, Any]) -> None:
    ways = ("mknod", "namespace", "setns", "mount", "umount", "ptrace", "type")
    assert {way: inside[way] for way in ways} == dict.fromkeys(ways, "EPERM")
    assert inside["memory"] in ("EACCES", "EPERM")
    assert inside["root"] in ("EACCES", "EPERM")
    assert {int(word, 16) for word in inside["capabilities"]} == {0}


def test_inside_no_core_file_is_written_and_nobody_reads_the_memory(inside: dict[str, Any]) -> None:
    assert inside["core"] == [0, 0]
    assert inside["dumpable"] == 0


def test_inside_programs_and_pipes_still_work(inside: dict[str, Any]) -> None:
    assert inside["child"] == "works\n"
    assert inside["fifo"] == "done"


def test_a_process_without_a_wall_is_told_its_gaps() -> None:
    names = [name for _, name in socket.if_nameindex()]
    if set(names) <= {"lo"}:
        pytest.skip("this machine itself has no network")
    with TemporaryDirectory(prefix="mien-", dir="/tmp") as name, socket.socket(socket.AF_UNIX) as other:
        other.bind(f"{name}/socket")
        other.listen()
        isolation = check_isolation("none", known=[Path(name) / "socket"])
    assert isolation.enforced is False
    assert set(isolation.interfaces) == set(names[:16])
    assert {Gap.NETWORK, Gap.SOCKETS, Gap.CORE_FILES} <= set(isolation.gaps)
    assert (Gap.CAPABILITIES in isolation.gaps) is (os.geteuid() == 0)
    assert "not closed: network, sockets" in isolation.describe()


_WITHOUT = """
import subprocess, sys
open("/proc/sys/user/max_user_namespaces", "w").write("0")
sys.exit(subprocess.run(["setpriv", "--bounding-set=-all", "--no-new-privs", sys.executable, *sys.argv[1:]]).returncode)
"""


def test_without_user_namespaces_it_names_what_stays_open() -> None:
    """What is left closes files and TCP; sockets that are files stay open, and that is said."""
    if shutil.which("unshare") is None:
        pytest.skip("unshare is not installed")
    script = (
        WALL.replace('if "refused" in detail:\n        sys.exit(detail)', "pass")
        + """
isolation = enclosed()
print(json.dumps([isolation.enforced, isolation.gaps, isolation.detail, isolation.refused]))
try:
    Path("~/.profile").expanduser().open("a")
except OSError as error:
    print(error.strerror)
"""
    )
    with TemporaryDirectory(prefix="mien-", dir="/tmp") as name, socket.socket(socket.AF_UNIX) as other:
        for part in ("run", "state", "home"):
            (Path(name) / part).mkdir()
        other.bind(f"{name}/still-there")
        other.listen()
        command = ["unshare", "--user", "--map-root-user", sys.executable, "-c", _WITHOUT, "-c", script, name]
        env = {**os.environ, **measured(), "PYTHONPATH": str(HOUSE), "HOME": f"{name}/home"}
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)
    if "unshare: " in done.stderr:
        pytest.skip(done.stderr)
    assert done.returncode == 0, done.stderr
    answer, written = done.stdout.splitlines()
    enforced, gaps, detail, refused = json.loads(answer)
    assert enforced is False
    assert "sockets" in gaps
    assert "namespaces" not in gaps
    assert "files" not in gaps
    assert "the kernel refused a network namespace" in detail
    assert "no view of files of its own" in detail
    assert "still-there" in done.stderr, "the log names it"
    assert refused == "Address family not supported by protocol"
    assert written == "Permission denied"


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
