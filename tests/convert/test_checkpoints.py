"""A run folder is resumed when it holds the same run, and refused in one line otherwise."""

import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from device.errors import ModelError, SettingsError

if TYPE_CHECKING:
    from convert.training.plan import Plan

pytestmark = pytest.mark.convert
torch: Any = pytest.importorskip("torch", reason="the training environment: make test-convert")


class _CutOffError(Exception):
    """Stands for a power cut."""


def trained(folder: Path, plan: "Plan", batches: int = 3, cut_at: int | None = None) -> float:
    """Train a small network in `folder`; `cut_at` cuts the power in that epoch, after its line is in the log."""
    from convert.training import checkpoints, loop

    def drawn(epoch: int) -> Iterator[Any]:
        chance = torch.Generator().manual_seed(epoch)
        for _ in range(batches):
            yield torch.randn(4, 3, generator=chance), torch.arange(4) % 2

    def loss(network: Any, batch: Any) -> Any:
        return torch.nn.functional.cross_entropy(network(batch[0]), batch[1])

    scored = []

    def score(network: Any) -> dict[str, float]:
        scored.append(0)
        return {"score": 1.0}

    save = checkpoints.save

    def cut_off(state: object, path: Path) -> None:
        if cut_at is not None and len(scored) == cut_at:
            raise _CutOffError
        save(state, path)

    torch.manual_seed(1)
    task = loop.Task("small", torch.nn.Linear(3, 2), drawn, batches, loss, score)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpoints, "save", cut_off)
        return loop.train(task, plan, folder)


@pytest.fixture
def plan() -> "Plan":
    from convert.training.plan import Plan

    return Plan(epochs=2, batch=4, learning_rate=0.1, weight_decay=0)


def epochs(folder: Path) -> list[int]:
    return [json.loads(line)["epoch"] for line in (folder / "log.jsonl").read_text().splitlines()]


def test_a_quick_check_is_not_resumed_as_a_full_run(plan: "Plan", tmp_path: Path) -> None:
    trained(tmp_path, replace(plan, rows=12))
    record = json.loads((tmp_path / "run.json").read_text())
    assert (record["plan"], record["batches_an_epoch"]) == (asdict(plan) | {"rows": 12}, 3)
    with pytest.raises(SettingsError, match=r"run\.json: this run was started as small .*'rows': 12.*'rows': 0.*--out"):
        trained(tmp_path, plan, batches=40)
    # Nor is a run on other data with more rows.
    with pytest.raises(SettingsError, match=r"'batches_an_epoch': 3}.*'batches_an_epoch': 4}"):
        trained(tmp_path, replace(plan, rows=12), batches=4)


def test_an_interrupted_quick_check_is_not_resumed_as_a_full_run(plan: "Plan", tmp_path: Path) -> None:
    with pytest.raises(_CutOffError):
        trained(tmp_path, replace(plan, rows=12), cut_at=2)
    assert (tmp_path / "last.pt").exists()
    with pytest.raises(SettingsError, match="started as small"):
        trained(tmp_path, plan, batches=40)


def test_an_older_record_without_rows_is_resumed_when_the_steps_match(plan: "Plan", tmp_path: Path) -> None:
    with pytest.raises(_CutOffError):
        trained(tmp_path, plan, cut_at=2)
    record = json.loads((tmp_path / "run.json").read_text())
    del record["plan"]["rows"], record["batches_an_epoch"]
    (tmp_path / "run.json").write_text(json.dumps(record))
    with pytest.raises(SettingsError, match=r"'batches_an_epoch': 3.*'batches_an_epoch': 40"):
        trained(tmp_path, plan, batches=40)
    trained(tmp_path, plan)
    assert epochs(tmp_path) == [1, 2]
    assert json.loads((tmp_path / "run.json").read_text())["batches_an_epoch"] == 3


def test_a_voice_record_with_the_face_options_of_earlier_versions_is_resumed(plan: "Plan", tmp_path: Path) -> None:
    with pytest.raises(_CutOffError):
        trained(tmp_path, plan, cut_at=2)
    record = json.loads((tmp_path / "run.json").read_text())
    record["plan"] |= {"calm_from": 0.7, "start": "", "teacher": "", "taught": 0.7, "hard": 0.5, "labels": 1.0}
    (tmp_path / "run.json").write_text(json.dumps(record))
    with pytest.raises(SettingsError, match="started as small"):
        trained(tmp_path, replace(plan, learning_rate=0.2))
    trained(tmp_path, plan)
    assert epochs(tmp_path) == [1, 2]


def test_a_face_plan_has_the_fields_of_earlier_versions() -> None:
    from convert.face.plan import PLANS

    assert set(asdict(PLANS["face"])) == {
        *("epochs", "batch", "learning_rate", "weight_decay", "seed", "threads", "calm_from", "start", "teacher"),
        *("taught", "hard", "labels", "sharp", "rows"),
    }


def test_the_log_drops_an_attempt_that_saved_nothing_to_resume(plan: "Plan", tmp_path: Path) -> None:
    with pytest.raises(_CutOffError):
        trained(tmp_path, plan, cut_at=1)
    assert epochs(tmp_path) == [1]
    assert not (tmp_path / "last.pt").exists()
    trained(tmp_path, plan)
    assert epochs(tmp_path) == [1, 2]


def test_a_damaged_run_is_reported(plan: "Plan", tmp_path: Path) -> None:
    from convert.training.checkpoints import load_into

    trained(tmp_path, plan)
    for name in ("last.pt", "best.pt"):
        content = (tmp_path / name).read_bytes()
        for damaged in (b"", b"no weights", content[:40], content[: len(content) // 2], content[:-30]):
            (tmp_path / name).write_bytes(damaged)
            with pytest.raises(ModelError, match=rf"{name}: cannot be read as weights .*; copy it again") as raised:
                trained(tmp_path, plan) if name == "last.pt" else load_into(torch.nn.Linear(3, 2), tmp_path)
            assert "\n" not in str(raised.value)
        torch.save([1, 2], tmp_path / name)
        with pytest.raises(ModelError, match=f"{name}: holds no weights"):
            trained(tmp_path, plan) if name == "last.pt" else load_into(torch.nn.Linear(3, 2), tmp_path)
        (tmp_path / name).write_bytes(content)
    (tmp_path / "run.json").write_text('{"recipe"')
    with pytest.raises(SettingsError, match=r"run\.json: cannot be read"):
        trained(tmp_path, plan)
