"""Pairs that take the place of the shipped ones: whole or not at all, and never without a way back."""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from device.errors import ModelError
from device.perception.models import install as model_store
from device.perception.models.card import MODEL_NAMES, MODELS
from device.perception.models.install import ModelStore
from device.perception.models.registry import REGISTRY, models_folder, read_shipped
from tests.perception.models.builders import handed
from tests.perception.models.stored import install, kept, used


def test_the_shipped_models_are_used_before_an_install_and_after_a_rollback(tmp_path: Path) -> None:
    shipped = {path: path.read_bytes() for path in MODELS.iterdir() if path.is_file()}
    state = tmp_path / "state"
    assert used(state, "face") == "0.1.0"
    assert not state.exists()
    for version in ("0.2.0", "0.3.0", "0.4.0"):
        install(state, "face", version)
        assert used(state, "face") == version
    assert len(kept(state)) == 4  # the record, the pair in use, the one before, and the one that was before that
    with ModelStore(state) as store:
        (change,) = store.rollback()
        assert (change.version, change.before, change.shipped) == ("0.3.0", "0.4.0", False)
        assert used(state, "face") == "0.3.0"
        (change,) = store.rollback("face")
        assert (change.version, change.before, change.shipped) == ("0.1.0", "0.3.0", True)
        with pytest.raises(ModelError, match="shipped models are in use: there is nothing to go back to"):
            store.rollback()
        with pytest.raises(ModelError, match="shipped face model is in use"):
            store.rollback("face")
    assert used(state, "face") == "0.1.0"
    assert {path: path.read_bytes() for path in shipped} == shipped


def test_models_installed_together_are_rolled_back_together(tmp_path: Path) -> None:
    state = tmp_path / "state"
    install(state, "face", "0.2.0")
    with ModelStore(state) as store:
        store.install([handed(name, "0.5.0", tmp_path / "set") for name in ("voice", "prosody")])
        assert [used(state, name) for name in MODEL_NAMES] == ["0.2.0", "0.5.0", "0.5.0"]
        assert [change.name for change in store.rollback()] == ["voice", "prosody"]
    assert [used(state, name) for name in MODEL_NAMES] == ["0.2.0", "0.1.0", "0.1.0"]


def test_the_shipped_model_need_not_be_installed(tmp_path: Path) -> None:
    with ModelStore(tmp_path) as store:
        (change,) = store.install([read_shipped("face")])
    assert (change.changed, change.shipped) == (False, True)
    assert kept(tmp_path) == []


def test_with_another_runtime_an_installed_model_is_tested_again(tmp_path: Path) -> None:
    install(tmp_path, "face", "0.2.0")
    path = models_folder(tmp_path) / REGISTRY
    path.write_text(path.read_text().replace("litert-", "litert-0."))
    assert used(tmp_path, "face") == "0.2.0"
    again = handed("face", "0.2.0", tmp_path / "handed")
    with ModelStore(tmp_path) as store:
        assert store.install([again])[0].changed
    assert "litert-0." not in path.read_text()


def _killed_at(step: int, state_dir: Path, work: Callable[[ModelStore], object]) -> bool:
    """Do `work` in a child that is killed before its `step`th touch of a file; whether it came so far."""
    child = os.fork()
    if child == 0:
        left = step

        def hook(event: str, arguments: tuple[object, ...]) -> None:
            nonlocal left
            if event in {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.chmod", "os.truncate"}:
                left -= 1
                if left < 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        status = 1
        try:
            with ModelStore(state_dir) as store:
                sys.addaudithook(hook)
                work(store)
                status = 0
        finally:
            os._exit(status)
    _, status = os.waitpid(child, 0)
    assert status in {0, signal.SIGKILL}
    return os.WIFSIGNALED(status)


@pytest.mark.parametrize("what", ["install", "rollback"])
def test_a_kill_at_any_step_leaves_the_old_or_the_new_and_never_a_mixture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    monkeypatch.setattr(model_store, "run_smoke_test", lambda _: 0.001)  # tests of its own; here it would take a minute
    new = [handed(name, "0.9.0", tmp_path / "new") for name in MODEL_NAMES]
    seen = set()
    for step in range(200):
        state = tmp_path / str(step)
        for version in ("0.2.0", "0.3.0"):
            with ModelStore(state) as store:
                store.install([handed(name, version, tmp_path / version) for name in MODEL_NAMES])
        old, target = ("0.3.0", "0.9.0") if what == "install" else ("0.3.0", "0.2.0")
        killed = _killed_at(step, state, lambda store: store.install(new) if what == "install" else store.rollback())
        now = {used(state, name) for name in MODEL_NAMES}
        assert now in ({old}, {target})
        seen |= now
        with ModelStore(state) as store:  # and what is left behind is in nobody's way
            store.install(new)
            assert {used(state, name) for name in MODEL_NAMES} == {"0.9.0"}
            store.rollback()
            assert {used(state, name) for name in MODEL_NAMES} <= {"0.3.0", "0.2.0", "0.1.0"}
        assert not [name for name in kept(state) if "partial" in name]
        if not killed:
            break
    else:
        pytest.fail("it never came to its end")
    assert seen == {old, target}
    assert step > 5


def test_two_writers_do_not_meet_and_a_link_is_not_followed(tmp_path: Path) -> None:
    with ModelStore(tmp_path), pytest.raises(ModelError, match="another mien models is writing"), ModelStore(tmp_path):
        pass
    (tmp_path / "other").mkdir()
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / "models").symlink_to(tmp_path / "other")
    with pytest.raises(ModelError, match="cannot be written to"), ModelStore(tmp_path / "linked"):
        pass
    (tmp_path / "file").write_text("")
    with pytest.raises(ModelError, match="cannot be written to"), ModelStore(tmp_path / "file"):
        pass
