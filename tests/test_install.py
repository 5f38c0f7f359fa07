"""The installer, as far as it can be tested without root and a boot. tests/system tests all of it."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

_SYSTEMD = Path(__file__).parents[1] / "systemd"
_INSTALL = _SYSTEMD / "install.sh"

needs_apt = pytest.mark.skipif(shutil.which("apt-get") is None, reason="not a Debian: no apt-get")

Done = subprocess.CompletedProcess[str]


@pytest.fixture
def programs(tmp_path: Path) -> Callable[..., None]:
    """Put fake programs before the system's: `programs(dpkg="echo armhf")`."""

    def put(**scripts: str) -> None:
        for name, script in scripts.items():
            path = tmp_path / name.replace("_", "-")
            path.write_text(f"#!/bin/sh\n{script}\n")
            path.chmod(0o755)

    return put


@pytest.fixture
def install(tmp_path: Path, programs: Callable[..., None]) -> Callable[..., Done]:
    """Run the installer on a fake 64-bit machine with systemd and apt."""
    programs(systemctl="exit 1", dpkg="echo arm64", dpkg_query="exit 1", apt_cache='echo "  Candidate: 1.0"')
    programs(apt_get="echo apt-get was run >&2; exit 9", systemd_sysusers="exit 9", id="echo 0")

    def run(*words: str, **environment: str) -> Done:
        path = f"{tmp_path}:{os.environ['PATH']}"
        env = {"PATH": path, "HOME": str(tmp_path), **environment}
        return subprocess.run([_INSTALL, *words], env=env, capture_output=True, text=True, timeout=60, check=False)

    return run


@pytest.fixture
def parts(tmp_path: Path, programs: Callable[..., None]) -> Callable[[str], Done]:
    """Run shell code with the installer's functions, on temporary folders instead of the system's."""
    functions, _, _ = _INSTALL.read_text().partition('\nfor argument in "$@"; do')
    paths = {"home": "opt/mien", "cache": "cache", "units": "lib/systemd/system"}
    paths |= {
        "accounts": "sysusers/mien.conf",
        "folders": "tmpfiles/mien.conf",
        "command": "bin/mien",
        "sockets": "run/mien",
    }
    named = "\n".join(f"{name}={tmp_path}/{path}" for name, path in paths.items())
    named += f"\nsource={_SYSTEMD.parent}\nruns_systemd() {{ true; }}\n"
    programs(systemctl="true", loginctl="true", getent="exit 2", id="echo 0")

    def run(script: str) -> Done:
        environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "HOME": str(tmp_path)}
        command = ["bash", "-c", f"{functions}\n{named}\n{script}"]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)

    return run


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed")
def test_shellcheck_finds_nothing() -> None:
    scripts = [_INSTALL, _SYSTEMD / "mien"]
    done = subprocess.run(["shellcheck", *scripts], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == ""


def test_help_lists_every_option(install: Callable[..., Done]) -> None:
    done = install("--help")
    assert done.returncode == 0
    taken = set(re.findall(r"^        (--[a-z-]+)", _INSTALL.read_text(), re.MULTILINE))
    assert taken == {"--kiosk", "--camera", "--no-start", "--dry-run", "--uninstall", "--purge", "--help"}
    assert all(word in done.stdout for word in taken)


@pytest.mark.parametrize(
    "words", [["--root"], ["--purge"], ["kiosk"], ["--camera"], ["--uninstall", "--camera", "192.168.1.20"]]
)
def test_unknown_options_are_refused(install: Callable[..., Done], words: list[str]) -> None:
    done = install(*words)
    assert done.returncode == 2
    assert "--help" in done.stderr


@needs_apt
def test_a_dry_run_prints_everything_and_does_nothing(install: Callable[..., Done]) -> None:
    done = install("--dry-run", "--kiosk")
    if "Ubuntu has a snap only" in done.stderr:
        done = install("--dry-run")
    assert done.returncode == 0, done.stderr
    assert "apt-get was run" not in done.stderr
    for words in (
        "python3-venv",
        "python3-pyaudio",
        "group:mien",
        "-m venv",
        "mien-hub.service",
        "mien.toml",
        "enable",
    ):
        assert words in done.stdout
    assert done.stdout.endswith("Dry run: nothing was done.\n")


def test_it_needs_root(install: Callable[..., Done], programs: Callable[..., None]) -> None:
    programs(id="echo 1000")
    done = install()
    assert done.returncode == 1
    assert "sudo systemd/install.sh" in done.stderr


@pytest.mark.skipif(Path("/run/systemd/system").exists(), reason="a systemd runs here")
def test_it_needs_a_running_systemd(install: Callable[..., Done]) -> None:
    done = install()
    assert done.returncode == 1
    assert "--no-start" in done.stderr


@needs_apt
@pytest.mark.parametrize("version", ["3.8", "3.10"])
def test_an_old_python_is_refused_with_a_remedy(
    install: Callable[..., Done], programs: Callable[..., None], tmp_path: Path, version: str
) -> None:
    programs(python3=f'case "$2" in *print*) echo {version};; *) exit 1;; esac')
    done = install("--dry-run", PYTHON=str(tmp_path / "python3"))
    assert done.returncode == 1
    assert f"Python {version} is too old" in done.stderr
    assert "apt install python3.11 python3.11-venv" in done.stderr


@needs_apt
def test_a_32_bit_system_is_refused(install: Callable[..., Done], programs: Callable[..., None]) -> None:
    programs(dpkg="echo armhf")
    done = install("--dry-run")
    assert done.returncode == 1
    assert "64-bit Raspberry Pi OS" in done.stderr


@needs_apt
def test_a_kiosk_without_a_browser_is_refused(install: Callable[..., Done], programs: Callable[..., None]) -> None:
    programs(apt_cache='[ "$2" = chromium ] || [ "$2" = chromium-browser ] || echo "  Candidate: 1.0"')
    done = install("--dry-run", "--kiosk")
    assert done.returncode == 1
    assert "--kiosk needs the packages cage and chromium" in done.stderr


@needs_apt
def test_another_python_gets_the_packages_to_build_pyaudio(
    install: Callable[..., Done], programs: Callable[..., None], tmp_path: Path
) -> None:
    programs(python3_12='case "$2" in *print*) echo 3.12;; esac')
    done = install("--dry-run", PYTHON=str(tmp_path / "python3-12"))
    if "lies in a home folder" in done.stderr:
        pytest.skip("temporary files lie in a home folder here")
    assert "python3.12-venv python3.12-dev portaudio19-dev gcc" in done.stdout
    assert "--system-site-packages" not in done.stdout


def test_uninstalling_what_is_not_installed(install: Callable[..., Done]) -> None:
    if Path("/opt/mien").exists():
        pytest.skip("a Mien is installed here")
    done = install("--uninstall", "--dry-run")
    assert done.returncode == 0
    assert "Mien is not installed here" in done.stdout


def test_only_the_browsers_name_goes_to_stdout_while_package_lists_are_updated(
    parts: Callable[[str], Done], programs: Callable[..., None], tmp_path: Path
) -> None:
    """A fresh image has no lists yet."""
    lists = tmp_path / "lists"
    not_ubuntu = '[ "$2" != ^ID=ubuntu ] && exec /bin/grep "$@"'
    programs(dpkg_query="exit 1", apt_get=f"echo more; touch {lists}", grep=not_ubuntu)
    programs(apt_cache=f'[ ! -e {lists} ] || [ "$2" != chromium ] || echo "  Candidate: 1.0"')
    done = parts('say "<$(find_browser)>"')
    assert (done.returncode, done.stdout) == (0, "<chromium>\n")
    assert "Updating the package lists." in done.stderr


# Two environments, and the newer one comes into use.
_UPDATED = """
mkdir -p $home/venv-old/bin $home/venv-new/bin; touch $home/venv-new/bin/mien
activate $home/venv-old
new=$home/venv-new changed=yes
run_doctor() { true; }
start_units() { true; }
"""


@pytest.mark.parametrize("link", ["opt", "opt/mien", ""])
def test_the_environment_in_use_is_kept_when_opt_is_a_link(
    parts: Callable[[str], Done], tmp_path: Path, link: str
) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk" / "more").touch()
    (tmp_path / "opt").mkdir()
    if link == "opt":
        (tmp_path / "opt").rmdir()
    if link:
        (tmp_path / link).symlink_to(tmp_path / "disk")
    done = parts(f"trap clean_up EXIT\n{_UPDATED}\nswitch_over")
    assert done.returncode == 0, done.stderr
    home = tmp_path / "opt" / "mien"
    assert [path.name for path in home.glob("venv-*")] == ["venv-new"]
    assert (home / "bin" / "mien").exists()
    # An environment that is not complete is removed all the same.
    done = parts("trap clean_up EXIT; new=$home/venv-half; mkdir $new; current_environment")
    assert done.stdout.strip() == str((home / "venv-new").resolve())
    assert [path.name for path in home.glob("venv-*")] == ["venv-new"]
    assert parts("uninstall").returncode == 0
    assert not os.path.lexists(home)
    assert [path.name for path in (tmp_path / "disk").iterdir()] == ["more"]


def test_a_deleted_environment_does_not_count(parts: Callable[[str], Done]) -> None:
    """So running the installer again builds a new one."""
    done = parts('mkdir -p $home; ln -s venv-gone/bin $home/bin; old=$(current_environment); say "<$old>"')
    assert (done.returncode, done.stdout) == (0, "<>\n")


# What uninstalling finds; which programs are called lies in the file told.
_WITH_A_SCREEN = """
mkdir -p $home $units ${accounts%/*}; touch $accounts $units/mien.target $units/mien-kiosk.service
printf 'group:mien\\nuser:mien-kiosk\\n' >$home/accounts
"""


def test_the_kiosk_session_ends_before_its_user_is_deleted(
    parts: Callable[[str], Done], programs: Callable[..., None], tmp_path: Path
) -> None:
    told = tmp_path / "told"
    programs(getent='[ "$1" = group ] || echo mien-kiosk:x:987:987::/run/mien-kiosk:/usr/sbin/nologin')
    programs(**{name: f'echo {name} "$@" >>{told}' for name in ("systemctl", "loginctl", "userdel", "groupdel")})
    done = parts(f"{_WITH_A_SCREEN}\nuninstall")
    assert done.returncode == 0, done.stderr
    assert told.read_text().splitlines() == [
        "systemctl stop mien.target mien-kiosk.service",
        "loginctl terminate-user mien-kiosk",
        "systemctl stop user-987.slice",
        "systemctl --quiet disable mien.target mien-kiosk.service",
        "systemctl daemon-reload",
        "systemctl reset-failed mien.target mien-kiosk.service",
        "groupdel mien",
        "userdel mien-kiosk",
    ]


def test_an_account_that_cannot_be_deleted_is_reported_and_the_rest_is_removed(
    parts: Callable[[str], Done], programs: Callable[..., None], tmp_path: Path
) -> None:
    programs(getent="echo mien-kiosk:x:987:", userdel="echo in use >&2; exit 8", groupdel="exit 8")
    programs(loginctl="exit 1", systemctl="case $2 in user-*) exit 1;; esac")
    done = parts(f"{_WITH_A_SCREEN}\nuninstall")
    assert done.returncode == 0, done.stderr
    assert "sudo userdel mien-kiosk" in done.stdout
    assert "sudo groupdel mien" in done.stdout
    assert not (tmp_path / "opt" / "mien").exists()
    assert not (tmp_path / "lib" / "systemd").exists()


def test_uninstalling_without_a_kiosk_user_stops_no_session(
    parts: Callable[[str], Done], programs: Callable[..., None], tmp_path: Path
) -> None:
    told = tmp_path / "told"
    programs(systemctl=f'echo "$@" >>{told}')
    assert parts(f"{_WITH_A_SCREEN}\nuninstall").returncode == 0
    assert "slice" not in told.read_text()


@pytest.mark.skipif(os.geteuid() != 0, reason="the folder belongs to root")
def test_the_folder_of_the_sockets_is_made_once_and_taken_from_the_former_unit(
    parts: Callable[[str], Done], programs: Callable[..., None], tmp_path: Path
) -> None:
    told, sockets = tmp_path / "told", tmp_path / "run" / "mien"
    programs(systemd_tmpfiles=f'echo "$@" >>{told}; mkdir -p {sockets}; chmod 770 {sockets}')
    done = parts("install_units; make_folder; make_folder")
    assert done.returncode == 0, done.stderr
    folders = tmp_path / "tmpfiles" / "mien.conf"
    assert folders.read_text() == (_SYSTEMD / "mien.tmpfiles.conf").read_text()
    assert told.read_text() == f"--create {folders}\n"
    sockets.chmod(0o750)
    assert parts("make_folder; make_folder").returncode == 0
    assert told.read_text() == f"--create {folders}\n" * 2
    assert parts("mkdir -p $home; uninstall").returncode == 0
    assert not folders.exists()
    assert not sockets.exists()


def test_a_camera_is_allowed_by_the_installed_mien(parts: Callable[[str], Done], tmp_path: Path) -> None:
    mien = tmp_path / "opt" / "mien" / "venv-1" / "bin" / "mien"
    mien.parent.mkdir(parents=True)
    mien.write_text(f'#!/bin/sh\necho "$@" >>{tmp_path}/told\necho "the drop-in was written."\n')
    mien.chmod(0o755)
    done = parts('activate $home/venv-1; camera=192.168.1.20; allow_camera; say "<$changed$reload>"')
    assert done.stdout == "the drop-in was written.\n<yesyes>\n", done.stderr
    told = (tmp_path / "told").read_text()
    assert told == "--settings /etc/mien/mien.toml camera allow --no-restart 192.168.1.20\n"
    mien.write_text('#!/bin/sh\necho "nothing to change."\n')
    assert parts('camera=192.168.1.20; allow_camera; say "<$changed>"').stdout.endswith("<>\n")
    mien.write_text("#!/bin/sh\necho no address >&2; exit 1\n")
    refused = parts("camera=nonsense; allow_camera")
    assert refused.returncode == 1
    assert "no address" in refused.stderr
    assert "would run:" in parts("dry=yes camera=192.168.1.20; allow_camera").stdout


def test_the_kiosk_limits_are_installed_and_removed_with_it(
    parts: Callable[[str], Done], programs: Callable[..., None], tmp_path: Path
) -> None:
    units = tmp_path / "lib" / "systemd" / "system"
    dropin = units / "user-987.slice.d" / "mien-kiosk.conf"
    programs(getent="echo mien-kiosk:x:987:987::/run/mien-kiosk:/usr/sbin/nologin")
    assert parts("install_units").returncode == 0
    assert not dropin.exists(), "no kiosk, no limits"
    done = parts('kiosk=yes; install_units; say "<$reload>"')
    assert done.stdout.endswith("<yes>\n"), done.stderr
    assert dropin.read_text() == (_SYSTEMD / "mien-kiosk.slice.conf").read_text()
    assert "slice" not in parts("install_units").stdout, "there already"
    programs(userdel="true", groupdel="true")
    assert parts("mkdir -p $home; uninstall").returncode == 0
    assert not units.exists()
    # A dry run comes before the user.
    programs(getent="exit 2")
    assert "user-UID.slice.d" in parts("dry=yes kiosk=yes; install_units").stdout
