"""The stages of the face trainings: from datasets to a student of a student, resumed after an interruption."""

import importlib
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convert.arguments import DATA
from convert.face.student.key_points import TYPICAL_POINTS
from tests.convert import portraits

pytestmark = pytest.mark.convert
torch: Any = pytest.importorskip("torch", reason="the training environment: make test-convert")


@pytest.fixture
def stages(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The module with two small stages: a narrow network from scratch, which then starts and teaches a wider one."""
    from convert.face.plan import FacePlan
    from convert.face.student import data as mixed_data
    from convert.face.student import stages as module

    def use_typical_points(pictures: Any, _cache: Path | None = None) -> Any:
        return np.repeat(TYPICAL_POINTS[None], len(pictures), axis=0)

    monkeypatch.setattr(mixed_data, "find_key_points", use_typical_points)
    plan = FacePlan(epochs=2, batch=16, learning_rate=0.02, weight_decay=0.0, threads=1)
    first = module.Stage("first", plan, (4, 6, 8, 10))
    second = module.Stage("second", replace(plan, seed=2), (4, 8, 8, 12), start="first", teachers=("first",))
    monkeypatch.setattr(module, "STAGES", (first, second))
    return module


def test_a_stage_builds_on_the_one_before_and_is_not_trained_twice(stages: Any, corpora: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    portraits.webfaces(data / "webfaces")
    (data / "fer2013").symlink_to(corpora / "fer2013")
    first, second = stages.STAGES
    out = tmp_path / "runs"
    stages.run_stage(first, out, data, rows=64)
    assert (out / "first" / "done").exists()
    stages.run_stage(second, out, data, rows=64)
    taught = stages.load_stage("second", out)
    assert taught.emotions.weight.shape == (7, 12)
    # A finished run that is started again changes nothing.
    log = (out / "second" / "log.jsonl").read_text()
    stages.run_stage(second, out, data, rows=64)
    assert (out / "second" / "log.jsonl").read_text() == log
    assert len(log.splitlines()) == 2


def test_only_trained_heads_count_in_the_score(stages: Any) -> None:
    first, _ = stages.STAGES
    assert first.scored_heads == ("fer2013", "uar", "ferplus", "webfaces")
    assert replace(first, webfaces=False).scored_heads == ("fer2013", "ferplus")
    assert replace(first, fer2013="none").scored_heads == ("webfaces",)


@pytest.mark.parametrize("module", ["stages", "quantize", "strangers"])
def test_the_default_data_folder_is_that_of_convert(
    module: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    main = importlib.import_module(f"convert.face.student.{module}").main
    monkeypatch.setattr("sys.argv", [module, "--help"])
    with pytest.raises(SystemExit):
        main()
    assert str(DATA) in re.sub(r"\n\s*", "", capsys.readouterr().out)
