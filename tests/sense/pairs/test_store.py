"""Pairs that take the place of the shipped ones: whole or not at all, and never without a way back."""

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from device.errors import ModelError
from device.sense.model import MODELS, PAIRS
from device.sense.pairs import store as model_store
from device.sense.pairs.choice import choose, shipped_pair
from device.sense.pairs.record import RECORD, Record, folder_of, read_record, state_of
from device.sense.pairs.store import ModelStore
from device.settings import Home, Settings
from tests.sense.made_models import handed, made


def install(state_dir: Path, name: str, version: str) -> None:
    with ModelStore(state_dir) as store:
        store.install([handed(name, version, state_dir.parent / "handed")])


def used(state_dir: Path, name: str) -> str:
    choice = choose(name, state_dir)
    assert choice.damage == ""
    return choice.model.card.version


def kept(state_dir: Path) -> list[str]:
    return sorted(path.name for path in folder_of(state_dir).iterdir())


def test_the_shipped_pairs_are_used_until_another_is_installed_and_after_the_last_rollback(tmp_path: Path) -> None:
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


def test_pairs_handed_over_together_change_together_and_go_back_together(tmp_path: Path) -> None:
    state = tmp_path / "state"
    install(state, "face", "0.2.0")
    with ModelStore(state) as store:
        store.install([handed(name, "0.5.0", tmp_path / "set") for name in ("voice", "prosody")])
        assert [used(state, name) for name in PAIRS] == ["0.2.0", "0.5.0", "0.5.0"]
        assert [change.name for change in store.rollback()] == ["voice", "prosody"]
    assert [used(state, name) for name in PAIRS] == ["0.2.0", "0.1.0", "0.1.0"]


def test_one_that_is_off_keeps_all_that_came_with_it_away(tmp_path: Path) -> None:
    state = tmp_path / "state"
    pairs = [
        handed("voice", "0.5.0", tmp_path / "set"),
        handed("prosody", "0.5.0", tmp_path / "set", golden={"output": [0] * 8}),
    ]
    with ModelStore(state) as store, pytest.raises(ModelError, match=r"golden input .*; nothing was changed"):
        store.install(pairs)
    assert kept(state) == []


def test_the_same_again_is_left_as_it_is_and_a_damaged_one_is_mended(tmp_path: Path) -> None:
    state = tmp_path / "state"
    install(state, "face", "0.2.0")
    install(state, "face", "0.3.0")
    again = handed("face", "0.3.0", tmp_path / "handed")
    before = (folder_of(state) / RECORD).read_bytes()
    with ModelStore(state) as store:
        (change,) = store.install([again])
    assert not change.changed
    assert (folder_of(state) / RECORD).read_bytes() == before
    choose("face", state).path.write_bytes(b"")
    assert "is not what was installed" in choose("face", state).damage
    with ModelStore(state) as store:
        (change,) = store.install([again])
        assert change.changed
        assert used(state, "face") == "0.3.0"
        store.rollback()
    assert used(state, "face") == "0.2.0"


def test_the_shipped_pair_need_not_be_installed(tmp_path: Path) -> None:
    with ModelStore(tmp_path) as store:
        (change,) = store.install([shipped_pair("face")])
    assert (change.changed, change.shipped) == (False, True)
    assert kept(tmp_path) == []


@pytest.mark.parametrize(
    ("name", "card", "said"),
    [
        ("face", {"name": "voice"}, "is of a model called voice, not face"),
        ("face", {"input_shape": [1, 64, 64, 1]}, "this Mien feeds face (1, 48, 48, 1)"),
        (
            "prosody",
            {"input": "frames of another length"},
            "learnt from 'frames of another length', and this Mien feeds",
        ),
        ("face", {"labels": ["angry", "happy"]}, "this Mien reads angry, disgust"),
        ("voice", {"labels": ["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral", "dog"]}, "no_speech"),
        ("prosody", {"centre": [0.0] * 7}, "has 7 numbers of centre and 288 of spread, not 288 each"),
        ("prosody", {"spread": []}, "0 of spread"),
        ("prosody", {"spread": [-1.0] * 288}, "spread"),
        ("prosody", {"resting": [0.5] * 6}, "resting has 6 numbers, not 7"),
        ("face", {"format": 2, "colour": "red"}, "format 2, and this Mien reads 1: it needs a newer Mien"),
        ("face", {"colour": "red"}, "unknown field `colour`"),
        ("face", {"sha256": "0" * 64}, "is not the file that its card describes"),
        ("face", {"limits": "\x1b[2J"}, "limits"),
        ("face", {"version": "1\ud800"}, "no model card"),
    ],
)
def test_a_pair_that_does_not_fit_changes_nothing(
    tmp_path: Path, name: str, card: dict[str, object], said: str
) -> None:
    with ModelStore(tmp_path / "state") as store, pytest.raises(ModelError) as error:
        store.install([handed(name, "0.2.0", tmp_path / "handed", **card)])
    assert said in str(error.value)
    assert str(error.value).endswith("; nothing was changed")
    assert kept(tmp_path / "state") == []


def _other_card(path: Path) -> None:
    card = path.with_suffix(".json")
    card.write_text(card.read_text().replace('"temperature": 0', '"temperature": 1'))


def _pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _other_shape(path: Path) -> None:
    made("face", "0.2.0", path.parent, (MODELS / "prosody.tflite").read_bytes())


_DAMAGES: list[Callable[[Path], object]] = [
    lambda path: path.unlink(),
    lambda path: path.with_suffix(".json").unlink(),
    lambda path: path.parent.rename(path.parents[1] / "lost"),
    lambda path: path.write_bytes(path.read_bytes()[:-1]),
    lambda path: path.write_bytes(path.read_bytes()[::-1]),
    lambda path: path.write_bytes(b""),
    lambda path: os.truncate(path, 10**10),
    lambda path: (path.parents[1] / RECORD).write_bytes(b"\xff{"),
    lambda path: (path.parents[1] / RECORD).write_bytes(b""),
    lambda path: (path.parents[1] / RECORD).write_bytes(b"[" * 100_000),
    lambda path: (path.parents[1] / RECORD).write_text(json.dumps({"format": 2})),
    _other_card,
    _other_shape,
    _pipe,
    _folder,
]


@pytest.mark.parametrize("damage", _DAMAGES)
def test_a_damaged_one_gives_way_to_the_shipped_and_says_so(tmp_path: Path, damage: Callable[[Path], object]) -> None:
    install(tmp_path / "state", "face", "0.2.0")
    damage(choose("face", tmp_path / "state").path)
    choice = choose("face", tmp_path / "state")
    assert choice.model.card.version == "0.1.0"
    assert choice.path == MODELS / "face.tflite"
    assert choice.installed is None
    for words in ("the shipped one is used", "mien models install FILE", "mien models rollback"):
        assert words in choice.damage
    with pytest.raises(ModelError, match=r"face\.json: cannot be read .*the shipped one is used"):
        choose("face", tmp_path / "state", shipped=tmp_path)
    with ModelStore(tmp_path / "state") as store:
        assert store.rollback()
    assert used(tmp_path / "state", "face") == "0.1.0"


def test_a_rollback_passes_over_a_damaged_one(tmp_path: Path) -> None:
    install(tmp_path, "face", "0.2.0")
    choose("face", tmp_path).path.write_bytes(b"")
    with ModelStore(tmp_path) as store:
        store.install([handed("face", "0.3.0", tmp_path / "handed")])
        (change,) = store.rollback()
    assert change.shipped
    assert "is not what was installed" in change.passed_over
    assert used(tmp_path, "face") == "0.1.0"


def test_without_a_sound_shipped_pair_nothing_is_rolled_back_to_it(tmp_path: Path) -> None:
    install(tmp_path, "face", "0.2.0")
    (tmp_path / "shipped").mkdir()
    with ModelStore(tmp_path, tmp_path / "shipped") as store:
        with pytest.raises(ModelError, match="install Mien again"):
            store.rollback()
        (change,) = store.install([handed("face", "0.3.0", tmp_path / "handed")])
    assert change.before == "0.2.0"
    assert used(tmp_path, "face") == "0.3.0"


def test_with_another_runtime_an_installed_pair_is_tried_anew(tmp_path: Path) -> None:
    install(tmp_path, "face", "0.2.0")
    path = folder_of(tmp_path) / RECORD
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
    monkeypatch.setattr(model_store, "try_out", lambda _: 0.001)  # tests of its own; here it would take a minute
    new = [handed(name, "0.9.0", tmp_path / "new") for name in PAIRS]
    seen = set()
    for step in range(200):
        state = tmp_path / str(step)
        for version in ("0.2.0", "0.3.0"):
            with ModelStore(state) as store:
                store.install([handed(name, version, tmp_path / version) for name in PAIRS])
        old, target = ("0.3.0", "0.9.0") if what == "install" else ("0.3.0", "0.2.0")
        killed = _killed_at(step, state, lambda store: store.install(new) if what == "install" else store.rollback())
        now = {used(state, name) for name in PAIRS}
        assert now in ({old}, {target})
        seen |= now
        with ModelStore(state) as store:  # and what is left behind is in nobody's way
            store.install(new)
            assert {used(state, name) for name in PAIRS} == {"0.9.0"}
            store.rollback()
            assert {used(state, name) for name in PAIRS} <= {"0.3.0", "0.2.0", "0.1.0"}
        assert not [name for name in kept(state) if "partial" in name]
        if not killed:
            break
    else:
        pytest.fail("it never came to its end")
    assert seen == {old, target}
    assert step > 5


def test_two_writers_do_not_meet_and_a_link_is_not_followed(tmp_path: Path) -> None:
    with ModelStore(tmp_path), pytest.raises(ModelError, match="another mien models is at work"), ModelStore(tmp_path):
        pass
    (tmp_path / "other").mkdir()
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / "models").symlink_to(tmp_path / "other")
    with pytest.raises(ModelError, match="models cannot be kept there"), ModelStore(tmp_path / "linked"):
        pass
    (tmp_path / "file").write_text("")
    with pytest.raises(ModelError, match="models cannot be kept there"), ModelStore(tmp_path / "file"):
        pass


@pytest.mark.skipif(os.geteuid() != 0, reason="only root installs for another")
def test_what_root_installs_for_a_service_is_the_services(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    os.chown(state, 4711, 4712)
    install(state, "face", "0.2.0")
    for path in state.rglob("*"):
        assert (path.stat().st_uid, path.stat().st_gid) == (4711, 4712)
        assert path.stat().st_mode & 0o077 == 0


def test_a_record_of_an_empty_state_is_empty_and_stays_small(tmp_path: Path) -> None:
    assert read_record(tmp_path) == Record()
    for version in range(4):
        install(tmp_path, "voice", f"0.{version}")
    assert len(msgspec.json.encode(read_record(tmp_path))) < 1000


def test_root_means_the_services_state_and_everybody_can_say_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = tmp_path / "mien-sense"
    monkeypatch.setattr("device.sense.pairs.record.SERVICE", service)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "mine"))
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert state_of(Settings()) == tmp_path / "mine" / "mien"
    service.mkdir()
    assert state_of(Settings()) == service
    assert state_of(Settings(home=Home(state_dir="/said"))) == Path("/said")
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "mien-hub"))  # as systemd/mien says it for the history
    assert state_of(Settings()) == service
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "elsewhere"))
    assert state_of(Settings()) == tmp_path / "elsewhere"
    monkeypatch.delenv("STATE_DIRECTORY")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert state_of(Settings()) == tmp_path / "mine" / "mien"
