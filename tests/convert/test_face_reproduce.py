"""`convert reproduce face`: from the datasets to a pair of files that the device loads, in one command that resumes."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convert.face.student.key_points import TYPICAL_POINTS
from device.perception.models.model import Model
from tests.convert import portraits
from tests.convert.test_command_line import run_convert

pytestmark = pytest.mark.convert
torch: Any = pytest.importorskip("torch", reason="the training environment: make test-convert")


@pytest.fixture
def data(corpora: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """FER2013, webfaces and people, small; eyes and mouths are at their typical positions."""
    from convert.face.student import data as mixed_data

    def use_typical_points(pictures: Any, _cache: Path | None = None) -> Any:
        return np.repeat(TYPICAL_POINTS[None], len(pictures), axis=0)

    monkeypatch.setattr(mixed_data, "find_key_points", use_typical_points)
    folder = tmp_path / "data"
    portraits.webfaces(folder / "webfaces")
    portraits.people(folder / "webfaces")
    (folder / "fer2013").symlink_to(corpora / "fer2013")
    return folder


@pytest.fixture
def short_stages(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The module of the stages, all of them of one epoch."""
    from convert.face.student import stages

    short = [replace(stage, plan=replace(stage.plan, epochs=1, batch=16)) for stage in stages.STAGES]
    monkeypatch.setattr(stages, "STAGES", tuple(short))
    return stages


def test_every_chain_begins_at_what_everybody_has() -> None:
    from convert.face.student.stages import CHAIN, COMMITTED, FROM_NOTHING_CHAIN, STAGES, find_stage

    for chain in (CHAIN, FROM_NOTHING_CHAIN):
        for earlier, name in zip(("", *chain), chain, strict=False):
            stage = find_stage(name)
            assert stage.start in ("", *COMMITTED) if not earlier else stage.start == earlier
            assert not stage.teachers
            assert stage.hours > 0
    assert find_stage(FROM_NOTHING_CHAIN[0]).start == ""
    assert all(path.exists() for path, _ in COMMITTED.values())
    assert all(stage.hours > 0 for stage in STAGES)


@pytest.mark.timeout(300)
def test_one_command_leads_from_the_datasets_to_what_the_device_loads_and_resumes(
    data: Path, short_stages: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out, runs = tmp_path / "models", tmp_path / "runs"
    words = ("reproduce", "face", "--data", str(data), "--runs", str(runs), "--out", str(out), "--rows", "64")
    listed = run_convert(*words, "--list", monkeypatch=monkeypatch, capsys=capsys)[1].splitlines()
    assert [line.split(":")[0] for line in listed] == list(short_stages.CHAIN)
    assert all(line.endswith("h on one core") for line in listed)
    status, text = run_convert(*words, monkeypatch=monkeypatch, capsys=capsys)
    assert status == 0, text
    model = Model("face", out)
    assert [corpus.name.split()[0].rstrip(",") for corpus in model.card.corpora] == ["FER2013", "FER+", "webfaces"]
    assert len(model.card.accuracy) == 6
    assert {path.name for path in (out / "saved_predictions").iterdir()} == {
        "face.npz",
        "face-float.npz",
        "face-ferplus.npz",
    }
    assert text.count("best validation score") == len(short_stages.CHAIN)
    left = run_convert(*words, "--list", monkeypatch=monkeypatch, capsys=capsys)[1].splitlines()
    assert all(line.endswith("; done") for line in left), "what is done is not trained again"


def test_from_nothing_needs_no_committed_network(
    data: Path, short_stages: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(short_stages, "COMMITTED", {})
    first = short_stages.find_stage(short_stages.FROM_NOTHING_CHAIN[0])
    assert short_stages.run_stage(first, tmp_path / "runs", data, rows=64) > 0
    assert short_stages.is_done(first.name, tmp_path / "runs")
