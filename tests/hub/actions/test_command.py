"""Real programs: their input, their output, and that none of them is left behind."""

import asyncio
import json
import os
import sys
import time
from pathlib import Path

import pytest

from device.errors import ActionError
from device.hub.actions.base import DONE
from device.hub.actions.command import Programs
from device.hub.actions.dispatcher import ActionDispatcher
from device.settings.actions.command import Command
from tests.hub.actions.peers import WHY
from tests.hub.hub_running import run, until

PYTHON = sys.executable


def run_python(code: str, *arguments: str | Path, limit_s: float = 10.0) -> str:
    """The result of a Python program: `done`, or the error."""
    action = Command((PYTHON, "-c", code, *map(str, arguments)), limit_s)
    return run(ActionDispatcher({Command: Programs()}).run(action, WHY))


def living(pid: int) -> bool:
    """Whether a process exists and is not a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def test_it_gets_the_mood_and_a_small_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIEN_TOKEN", "secret")
    monkeypatch.setenv("LANG", "C.UTF-8")
    code = """
import json, os, sys
json.dump([json.load(sys.stdin), dict(os.environ), sys.argv[2:]], open(sys.argv[1], "w"))
"""
    assert run_python(code, tmp_path / "out", "$HOME; touch x", "*") == DONE
    stdin, environment, arguments = json.loads((tmp_path / "out").read_text())
    assert stdin == WHY.as_json()
    assert {"PATH", "HOME", "LANG"} <= environment.keys() <= {"PATH", "HOME", "LANG", "LC_CTYPE"}
    assert arguments == ["$HOME; touch x", "*"]


def test_it_need_not_read_its_input() -> None:
    assert run_python("import os; os.close(0)") == DONE
    assert run_python("pass") == DONE


@pytest.mark.parametrize(
    ("code", "output"),
    [
        ("import sys; print('no lamp\\there\\nmore'); sys.exit(3)", "exit status 3: no lamp here"),
        ("import sys; sys.exit('nobody is there')", "exit status 1: nobody is there"),
        ("import sys; sys.exit(2)", "exit status 2"),
        ("import os; os.kill(os.getpid(), 9)", "ended by signal 9"),
        (
            "import os, sys; os.write(1, b'\\xff\\x1b[31mred'); sys.exit(1)",
            "exit status 1: \N{REPLACEMENT CHARACTER} [31mred",
        ),
    ],
)
def test_a_failure_is_reported_with_its_first_line(code: str, output: str) -> None:
    assert run_python(code) == f"command {PYTHON}: {output}"


def test_a_missing_program_is_reported(tmp_path: Path) -> None:
    async def story() -> None:
        programs = Programs()
        for path, why in ((tmp_path / "none", "No such file"), (tmp_path, "Permission denied")):
            with pytest.raises(
                ActionError, match=rf"command {path}: cannot be run \({why}.*is it there, and executable"
            ):
                await programs.run(Command((str(path),)), WHY)
        assert programs.state() == {}
        await programs.run(Command(("true",)), WHY)
        assert programs.state() == {"command": "true"}

    run(story())


def test_at_its_limit_it_is_killed_with_its_children(tmp_path: Path) -> None:
    code = """
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
open(sys.argv[1], "w").write(f"{os.getpid()} {child.pid}")
print("still busy", flush=True)
time.sleep(60)
"""
    began_s = time.monotonic()
    result = run_python(code, tmp_path / "pids", limit_s=1.5)
    assert result == f"command {PYTHON}: not finished within 1.5 s, and killed: still busy"
    assert time.monotonic() - began_s < 4
    pids = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
    run(until(lambda: not any(map(living, pids)), 2))


def test_a_child_left_behind_delays_nothing_and_is_killed(tmp_path: Path) -> None:
    code = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
open(sys.argv[1], "w").write(str(child.pid))
"""
    began_s = time.monotonic()
    assert run_python(code, tmp_path / "pid") == DONE
    assert time.monotonic() - began_s < 5
    pid = int((tmp_path / "pid").read_text())
    run(until(lambda: not living(pid), 2))


def test_output_may_arrive_after_the_end() -> None:
    code = """
import os, time
if os.fork():
    os._exit(3)
time.sleep(0.05)
print("no lamp here")
"""
    assert run_python(code) == f"command {PYTHON}: exit status 3: no lamp here"


def test_a_flood_of_output_is_dropped_and_the_program_goes_on() -> None:
    code = "import sys\nfor _ in range(1000): sys.stdout.write('first\\n' + 'x' * 100_000)\nsys.exit(4)"
    programs = Programs()

    async def story() -> str:
        try:
            await programs.run(Command((PYTHON, "-c", code), 30), WHY)
        except ActionError as error:
            return str(error)
        return DONE

    assert run(story()) == f"command {PYTHON}: exit status 4: first"


def test_only_a_few_run_at_a_time() -> None:
    async def story() -> float:
        programs = Programs()
        began_s = time.monotonic()
        await asyncio.gather(*(programs.run(Command(("sleep", "0.3")), WHY) for _ in range(5)))
        return time.monotonic() - began_s

    assert run(story()) > 0.55


def test_programs_end_when_the_hub_stops(tmp_path: Path) -> None:
    code = "import os, sys, time; open(sys.argv[1], 'w').write(str(os.getpid())); time.sleep(60)"

    async def story() -> int:
        task = asyncio.create_task(Programs().run(Command((PYTHON, "-c", code, str(tmp_path / "pid")), 60), WHY))
        pid = int(await until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text()))
        assert os.getpgid(pid) == pid
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return pid

    assert not living(run(story()))
