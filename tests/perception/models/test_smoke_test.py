"""The child that a new network is tried in: what it says, what it may take, and what becomes of one that dies."""

import io
import json
import os
import resource
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from device.errors import ModelError
from device.perception.models import smoke_test as model_trial
from device.perception.models.bundle import ModelBundle, read_bundle
from device.perception.models.card import MODEL_NAMES, MODELS
from device.perception.models.smoke_test import main, run_smoke_test
from tests.perception.models.builders import handed


def in_child(work: Callable[[], object]) -> Any:
    """What `work` gives back or prints, done in a fork: it changes the process for good."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        said: object = "it failed"
        try:
            said = work()
        finally:
            os.write(writer, json.dumps(said).encode())
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as answer:
        found = answer.read()
    os.waitpid(child, 0)
    return json.loads(found)


def main_on(pair: ModelBundle, monkeypatch: pytest.MonkeyPatch) -> Any:
    """What the child's own code prints, without root's way to become nobody: that would end this test's own reach."""

    def work() -> object:
        monkeypatch.setattr(os, "geteuid", lambda: 1000)
        said = io.BytesIO()
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(msgspec.msgpack.encode(pair))))
        monkeypatch.setattr(sys, "stdout", SimpleNamespace(buffer=said))
        main()
        return json.loads(said.getvalue())

    return in_child(work)


@pytest.mark.parametrize("name", MODEL_NAMES)
def test_a_sound_model_is_timed(name: str) -> None:
    assert 0 < run_smoke_test(read_bundle(name, MODELS)) < 1


def test_the_child_reports_the_time_of_a_reading_or_the_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound = main_on(read_bundle("face", MODELS), monkeypatch)
    assert sound["error"] == ""
    assert 0 < sound["seconds"] < 1
    off = main_on(handed("face", "0.2.0", tmp_path, golden={"output": [0] * 7}), monkeypatch)
    assert "output for the golden input is off" in off["error"]


def test_a_network_that_needs_too_much_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def greedy(pair: ModelBundle) -> None:
        bytearray(2_000_000_000)  # far more than what this process may give back meanwhile

    monkeypatch.setattr(model_trial, "Model", greedy)
    assert (
        "needs more than 256 MB of memory; install Mien again"
        in main_on(read_bundle("face", MODELS), monkeypatch)["error"]
    )


def test_the_child_has_limits_and_no_rights() -> None:
    def work() -> object:
        model_trial._drop_rights()
        return [os.geteuid(), *(resource.getrlimit(getattr(resource, f"RLIMIT_{what}"))[0] for what in ("CORE", "CPU"))]

    user, core, cpu_s = in_child(work)
    assert user != 0
    assert core == 0
    assert 0 < cpu_s < 3600


@pytest.mark.parametrize(
    ("child", "said"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", r"crashed the runtime \(SIGSEGV\)"),
        ("import os; os.abort()", r"crashed the runtime \(SIGABRT\)"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGXCPU)", "no result after 5 s of computing"),
        ("import time; time.sleep(60)", "gave no result within 1 s"),
        ("import sys; sys.exit(3)", "ended with 3"),
        ("print('what')", "ended with 0"),
        ("print('{\"seconds\": 7}')", r"takes 7\.0 s for a reading; at most 1 s"),
    ],
)
def test_any_end_of_the_child_is_a_clear_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, child: str, said: str
) -> None:
    python = tmp_path / "python"
    python.write_text(f"#!{sys.executable}\n{child}\n")
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    with pytest.raises(ModelError, match=rf"face\.tflite: .*{said}.*; install Mien again"):
        run_smoke_test(read_bundle("face", MODELS), max_s=1 if "sleep" in child else 20)


def test_a_missing_python_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(ModelError, match="test run could not be started"):
        run_smoke_test(read_bundle("face", MODELS))
