"""A Debian of its own: built once by debootstrap, changed in a layer above it, booted by systemd-nspawn, forgotten."""

import contextlib
import fcntl
import os
import secrets
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

BUILT = Path(os.environ.get("MIEN_SYSTEM", "~/.cache/mien-system")).expanduser()
"""Where the base systems are kept between runs, 1 GB each."""
REPOSITORY = Path(__file__).parents[2]
_BASE = "systemd,systemd-sysv,dbus,libpam-systemd,procps,iproute2,python3,python3-venv,udev,sudo,ca-certificates"
_TOOLS = ("debootstrap", "systemd-nspawn", "nsenter", "unshare", "setpriv")
_PIP = "PIP_CERT=/etc/ssl/certs/ca-certificates.crt PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore"
BOOT_S = 90.0


def missing() -> str:
    """Why no machine can be had here; empty when one can."""
    if os.geteuid() != 0:
        return "booting a machine needs root: sudo make test-system"
    lacking = [tool for tool in _TOOLS if not shutil.which(tool)]
    return f"not here: {', '.join(lacking)} (apt install debootstrap systemd-container)" if lacking else ""


class Machine:
    """A running one."""

    def __init__(self, leader: int) -> None:
        self._leader = leader

    def run(self, command: str, *, check: bool = True, timeout_s: float = 120) -> str:
        """What `command` prints, run by bash as root inside."""
        inside = [
            "nsenter",
            "-at",
            str(self._leader),
            "/usr/bin/env",
            "-i",
            "PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        ]
        settings = ["SYSTEMD_PAGER=", "SYSTEMD_COLORS=0", "LANG=C.UTF-8", "/bin/bash", "-c", command]
        done = subprocess.run([*inside, *settings], capture_output=True, text=True, timeout=timeout_s, check=False)
        if check and done.returncode:
            raise AssertionError(f"{command}\n{done.stdout}{done.stderr}")
        return done.stdout

    def kill(self) -> None:
        """End it at once: it outlives systemd-nspawn."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._leader, signal.SIGKILL)

    def read(self, path: str) -> bytes:
        """A file of it."""
        return subprocess.run(
            ["nsenter", "-at", str(self._leader), "cat", path], capture_output=True, check=True
        ).stdout

    def until(self, command: str, limit_s: float = 60) -> str:
        """What `command` prints once it succeeds."""
        end_s = time.monotonic() + limit_s
        while True:
            try:
                return self.run(command)
            except AssertionError as error:
                if time.monotonic() > end_s:
                    raise AssertionError(f"not within {limit_s:g} s: {error}") from error
            time.sleep(0.5)


class Disk:
    """A base system and a layer above it, in which everything that is changed lies."""

    def __init__(self, base: Path, layer: Path) -> None:
        self._layer = layer
        self._root = layer / "root"
        for name in ("root", "changes", "work"):
            (layer / name).mkdir()
        self._mount = (
            f"mount -t overlay mien -o lowerdir={base},upperdir={layer}/changes,workdir={layer}/work {self._root}"
        )

    def run(self, command: str, *, check: bool = True) -> str:
        """What `command` prints, run by bash as root in it, not booted, with the network that is here."""
        root = shlex.quote(str(self._root))
        done = _alone(f"{self._mount}; {_ENTER.format(root=root)} {shlex.quote(command)}")
        if check and done.returncode:
            raise AssertionError(f"{command}\n{done.stdout}{done.stderr}")
        return done.stdout + done.stderr

    def clone(self) -> None:
        """This working tree at /srv/mien: what git would have, and the detectors that were fetched."""
        _clone(self._layer / "changes" / "srv" / "mien")

    @contextlib.contextmanager
    def booted(self) -> Iterator[Machine]:
        """It runs, without a network."""
        command = ["systemd-nspawn", "-q", "-D", str(self._root), "--boot", "--private-network", "--register=no"]
        name = self._layer.name
        command += ["--machine", name]
        script = f"set -e; {self._mount}; exec {shlex.join([*command, '--keep-unit', '--console=read-only'])}"
        # Whatever becomes of the tests: the mount is of a namespace of its own, and the machine dies with its parent.
        with (
            (self._layer / "said").open("wb") as said,
            subprocess.Popen(
                [
                    "setpriv",
                    "--pdeathsig",
                    "KILL",
                    "unshare",
                    "--mount",
                    "--propagation=slave",
                    "/bin/bash",
                    "-c",
                    script,
                ],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=said,
                env=os.environ | {"SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"},
                start_new_session=True,
            ) as process,
        ):
            machine = None
            try:
                machine = Machine(_leader(process.pid, self._layer / "said"))
                machine.until("systemctl is-system-running | grep -qE 'running|degraded'", BOOT_S)
                yield machine
            finally:
                if machine:
                    with contextlib.suppress(AssertionError, subprocess.TimeoutExpired):
                        machine.run("systemctl poweroff", check=False, timeout_s=20)
                try:
                    process.wait(30)
                except subprocess.TimeoutExpired:
                    process.kill()
                    if machine:
                        machine.kill()
                # Where /run is no tmpfs, systemd-nspawn leaves this behind.
                shutil.rmtree(f"/run/systemd/nspawn/propagate/{name}", ignore_errors=True)


@contextlib.contextmanager
def debian(suite: str, packages: str = "") -> Iterator[Disk]:
    """A fresh Debian with `packages`; what is done to it is forgotten at the end."""
    BUILT.mkdir(parents=True, exist_ok=True)
    with (BUILT / f"{suite}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # below somebody's layer, nothing may change
        base = _built(suite, packages)
        fcntl.flock(lock, fcntl.LOCK_SH)
        with _layered(suite, base) as disk:
            yield disk


@contextlib.contextmanager
def _layered(suite: str, base: Path) -> Iterator[Disk]:
    layer = BUILT / f"{suite}-layer-{secrets.token_hex(4)}"
    layer.mkdir()
    try:
        yield Disk(base, layer)
    finally:
        shutil.rmtree(layer)


def _built(suite: str, packages: str) -> Path:
    """The base system of `suite`, made anew where it is not there yet; `packages` are added to it for good."""
    root = BUILT / f"{suite}-base"
    if not (root / ".built").exists():
        shutil.rmtree(root, ignore_errors=True)
        subprocess.run(["debootstrap", "--variant=minbase", f"--include={_BASE}", suite, root, _mirror()], check=True)
        _trust(root)
        (root / ".built").touch()
    stamp = root / ".packages"
    have = set(stamp.read_text().split()) if stamp.exists() else set()
    if lacking := set(packages.split()) - have:
        install = f"apt-get update -qq && apt-get install -y -qq --no-install-recommends {' '.join(sorted(lacking))}"
        quoted = shlex.quote(str(root))
        done = _alone(f"{_ENTER.format(root=quoted)} {shlex.quote(install)}")
        if done.returncode:
            raise AssertionError(done.stdout + done.stderr)
        _trust(root)  # systemd-resolved puts a link to itself in the place of resolv.conf
        stamp.write_text(" ".join(sorted(have | lacking)))
    return root


_ENTER = (
    "for name in proc dev sys; do mount --rbind /$name {root}/$name; done; "
    "chroot {root} /usr/bin/env -i HOME=/root LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive "
    f"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin {_PIP} /bin/bash -c"
)


def _alone(script: str) -> "subprocess.CompletedProcess[str]":
    """Run by bash where every mount is its own, and none is left over."""
    command = ["unshare", "--mount", "--propagation=slave", "/bin/bash", "-c", f"set -e; {script}"]
    return subprocess.run(command, capture_output=True, text=True, timeout=1200, check=False)


def _clone(target: Path) -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=REPOSITORY, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    fetched = [str(path.relative_to(REPOSITORY)) for path in (REPOSITORY / "device" / "models").glob("*.tflite")]
    for name in {*listed, *fetched}:
        source = REPOSITORY / name
        if source.is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target / name)


def _leader(parent: int, said: Path) -> int:
    """The machine's process 1, as it is seen from here."""
    end_s = time.monotonic() + BOOT_S
    while time.monotonic() < end_s:
        children = subprocess.run(
            ["ps", "-eo", "pid=,ppid=,comm="], capture_output=True, text=True, check=True
        ).stdout.split("\n")
        rows = [line.split() for line in children if line.strip()]
        of = {int(row[0]): (int(row[1]), row[2]) for row in rows}
        for pid, (above, name) in of.items():
            if name == "systemd" and (above == parent or of.get(above, (0, ""))[0] == parent):
                return pid
        time.sleep(0.2)
    raise AssertionError(f"the machine did not boot: {said.read_text(errors='replace')}")


def _mirror() -> str:
    """Of the packages' first source on this machine."""
    for path in [*Path("/etc/apt/sources.list.d").glob("*.sources"), Path("/etc/apt/sources.list")]:
        if not path.exists():
            continue
        for line in path.read_text().splitlines():
            words = line.split()
            if words and words[0] == "URIs:":
                return words[1]
            if words and words[0] == "deb":
                return next(word for word in words[1:] if "://" in word)
    raise AssertionError("no source of Debian packages is set up here")


def _trust(root: Path) -> None:
    """What this machine trusts and how it reaches packages: the base system has to reach them too."""
    for name in ("etc/resolv.conf", "etc/pip.conf", "etc/ssl/certs/ca-certificates.crt"):
        source = Path("/") / name
        if source.exists():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).unlink(missing_ok=True)
            shutil.copy(source, root / name)
    for source in Path("/etc/apt/apt.conf.d").glob("99*"):
        shutil.copy(source, root / "etc/apt/apt.conf.d")
