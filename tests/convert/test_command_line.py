"""`python -m convert`: what it refuses, in one line, and where a quick check writes."""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from convert.__main__ import main
from convert.arguments import MODELS
from convert.evaluation.predictions import SAVED_PREDICTIONS


def run_convert(*words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """(exit status, output) of a command."""
    monkeypatch.setattr(sys, "argv", ["convert", *words])
    try:
        status = main()
    except SystemExit as end:  # argparse's own
        status = int(end.code or 0)
    written = capsys.readouterr()
    return status, written.out + written.err


@pytest.mark.convert
@pytest.mark.parametrize(("network", "module"), [("face", "face"), ("voice", "voice")])
def test_a_quick_quantize_never_overwrites_the_shipped_networks(
    network: str, module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("torch", reason="the training environment: make test-convert")
    written: list[Path] = []

    def quantize(name: str, run: Path, data: Path, out: Path, rows: int | None = None) -> dict[str, float]:
        written.append(out)
        return {}

    monkeypatch.setattr(f"convert.{module}.quantize.quantize", quantize)
    monkeypatch.chdir(tmp_path)
    status, text = run_convert("quantize", network, "--rows", "64", monkeypatch=monkeypatch, capsys=capsys)
    assert (status, written) == (0, [Path("runs/quick/models")])
    assert f"{network}: a quick check, written to runs/quick/models" in text
    shipped = ("quantize", network, "--rows", "64", "--out", f"{MODELS}/../models")
    status, text = run_convert(*shipped, monkeypatch=monkeypatch, capsys=capsys)
    assert (status, len(written)) == (1, 1)
    assert "models: results of --rows 64 do not belong in this folder, which holds those of all rows; name" in text
    assert run_convert("quantize", network, "--out", "own", monkeypatch=monkeypatch, capsys=capsys)[0] == 0
    assert run_convert("quantize", network, monkeypatch=monkeypatch, capsys=capsys)[0] == 0
    assert written[1:] == [Path("own"), MODELS]
    run = tmp_path / "runs" / network
    run.mkdir(parents=True)
    from convert.training.plan import Plan

    plan = asdict(Plan(epochs=1, batch=2, learning_rate=0.1, weight_decay=0.0))
    (run / "run.json").write_text(json.dumps({"recipe": network, "plan": plan}))
    assert run_convert("quantize", network, monkeypatch=monkeypatch, capsys=capsys)[0] == 0
    assert written.pop() == MODELS
    (run / "run.json").write_text(json.dumps({"recipe": network, "plan": {**plan, "rows": 64}}))
    status, text = run_convert("quantize", network, monkeypatch=monkeypatch, capsys=capsys)
    assert (status, len(written)) == (1, 3)
    assert f"runs/{network}: this run is a quick check on 64 rows and cannot be written to" in text
    assert run_convert("quantize", network, "--out", "own", monkeypatch=monkeypatch, capsys=capsys)[0] == 0


@pytest.mark.convert
def test_a_quick_benchmark_never_overwrites_the_committed_predictions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("torch", reason="the training environment: make test-convert")

    def benchmark(name: str, data: Path, runs: Path, out: Path, rows: int | None = None) -> list[Path]:
        return [out / name]

    monkeypatch.setattr("convert.voice.benchmark.benchmark", benchmark)
    monkeypatch.chdir(tmp_path)
    quick = ("benchmark", "voice-fold-1", "--rows", "28")
    text = run_convert(*quick, monkeypatch=monkeypatch, capsys=capsys)[1]
    assert text == "runs/quick/saved_predictions/voice-fold-1\n"
    status, text = run_convert(*quick, "--out", str(SAVED_PREDICTIONS), monkeypatch=monkeypatch, capsys=capsys)
    assert status == 1
    assert "saved_predictions: results of --rows 28 do not belong in this folder" in text
    text = run_convert("benchmark", "voice-fold-1", monkeypatch=monkeypatch, capsys=capsys)[1]
    assert text == f"{SAVED_PREDICTIONS}/voice-fold-1\n"


@pytest.mark.parametrize(
    ("option", "value", "why"),
    [
        ("--epochs", "0", "not a whole number, 1 or more"),
        ("--batch", "0", "not a whole number, 2 or more"),
        ("--batch", "1", "not a whole number, 2 or more"),
        ("--rows", "0", "not a whole number, 1 or more"),
        ("--rows", "-3", "not a whole number, 1 or more"),
        ("--rows", "many", "not a whole number, 1 or more"),
        ("--threads", "-1", "not a whole number, 0 or more"),
        ("--seed", "-1", "not a whole number, 0 or more"),
        ("--learning-rate", "-1", "not a number over 0"),
        ("--learning-rate", "nan", "not a number over 0"),
        ("--taught", "1.5", "not a number from 0 to 1"),
        ("--sharp", "nan", "not a number"),
        ("--labels", "inf", "not a number"),
    ],
)
def test_an_invalid_number_is_refused(
    option: str, value: str, why: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    status, text = run_convert("train", "voice", option, value, monkeypatch=monkeypatch, capsys=capsys)
    assert status == 2
    assert text.endswith(f"argument {option}: {value!r} is {why}\n")


@pytest.mark.parametrize("step", ["train", "quantize"])
def test_a_file_is_refused_as_an_output_folder(
    step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    for out in (tmp_path / "file", tmp_path / "file" / "below"):
        status, text = run_convert(step, "voice", "--out", str(out), monkeypatch=monkeypatch, capsys=capsys)
        assert status == 2
        assert text.endswith(f"argument --out: {tmp_path / 'file'} is a file, not a folder\n")


@pytest.mark.convert
@pytest.mark.parametrize("network", ["voice", "prosody", "voice-fold-1"])
def test_face_options_are_refused_for_voices(
    network: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("torch", reason="the training environment: make test-convert")
    monkeypatch.chdir(tmp_path)
    options = ("--start", "face.tflite", "--teachers", "a", "b", "--hard", "0.1", "--sharp", "2")
    status, text = run_convert("train", network, *options, monkeypatch=monkeypatch, capsys=capsys)
    assert status == 1
    assert (
        text
        == f"convert: train {network}: --start, --teachers, --hard, --sharp: for face networks only; leave it out\n"
    )
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["reach", "looking", "rehearse"])
def test_the_old_name_of_a_step_works_and_is_not_in_the_help(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    old = run_convert(name, "--help", monkeypatch=monkeypatch, capsys=capsys)
    new = {"reach": "detection-range", "looking": "tracking-cost", "rehearse": "simulator"}[name]
    assert old == run_convert(new, "--help", monkeypatch=monkeypatch, capsys=capsys)
    assert f"python -m convert {new}" in old[1]
    steps = run_convert("--help", monkeypatch=monkeypatch, capsys=capsys)[1]
    assert new in steps
    assert name not in steps


def refused(*words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    """The one line of a command that exits with 1."""
    status, text = run_convert(*words, monkeypatch=monkeypatch, capsys=capsys)
    assert status == 1, text
    line = text.splitlines()[-1]
    assert line.startswith("convert: ")
    assert "Traceback" not in text
    return line


@pytest.mark.convert
@pytest.mark.parametrize("network", ["face", "face-as-published", "voice", "prosody"])
def test_a_run_that_cannot_be_quantized_is_reported(
    network: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    torch: Any = pytest.importorskip("torch", reason="the training environment: make test-convert")
    monkeypatch.chdir(tmp_path)
    command = ("quantize", network, "--data", str(tmp_path))
    line = refused(*command, monkeypatch=monkeypatch, capsys=capsys)
    assert line == f"convert: runs/{network}/best.pt is missing: python -m convert train {network}"
    weights = tmp_path / "runs" / network / "best.pt"
    weights.parent.mkdir(parents=True)
    weights.write_bytes(b"cut off")
    line = refused(*command, monkeypatch=monkeypatch, capsys=capsys)
    assert f"runs/{network}/best.pt: cannot be read as weights" in line
    torch.save({"emotions.weight": torch.zeros(7, 480)}, weights)
    line = refused(*command, monkeypatch=monkeypatch, capsys=capsys)
    expected = {"voice": "MienVoice", "prosody": "MienProsody"}.get(network, "MienFace")
    assert line == f"convert: runs/{network}: its layers do not fit {expected}"


@pytest.mark.convert
def test_a_teachers_run_is_not_quantized(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    torch: Any = pytest.importorskip("torch", reason="the training environment: make test-convert")
    from convert.networks.face import TEACHER, MienFace

    torch.save(MienFace(TEACHER).state_dict(), tmp_path / "best.pt")
    command = ("quantize", "face", "--run", str(tmp_path), "--data", str(tmp_path))
    line = refused(*command, monkeypatch=monkeypatch, capsys=capsys)
    assert line == f"convert: {tmp_path}: its layers do not fit MienFace"


@pytest.mark.convert
def test_an_unknown_run_is_reported(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("torch", reason="the training environment: make test-convert")
    line = refused("benchmark", "nosuch", monkeypatch=monkeypatch, capsys=capsys)
    assert line.startswith("convert: benchmark: no run 'nosuch'; there are voice, voice-fold-1, ")


@pytest.mark.convert
def test_an_invalid_start_or_teacher_is_reported(
    corpora: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    torch: Any = pytest.importorskip("torch", reason="the training environment: make test-convert")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("convert.training.loop.keep_freed_memory", lambda: None)
    command = ("train", "face", "--data", str(corpora), "--rows", "40", "--epochs", "1", "--batch", "20")

    def line(*words: str) -> str:
        return refused(*command, *words, monkeypatch=monkeypatch, capsys=capsys)

    Path("weights").write_bytes(b"no weights")
    Path("face.tflite").write_bytes(b"no weights")
    assert "weights/best.pt: cannot be read (Not a directory); name a run folder" in line("--start", "weights")
    assert "face.tflite: cannot be read as a .tflite; copy it again" in line("--start", "face.tflite")
    assert "face.tflite: cannot be read as a .tflite; copy it again" in line("--teachers", "face.tflite")
    Path("run").mkdir()
    Path("run/best.pt").write_bytes(b"no weights")
    assert "run/best.pt: cannot be read as weights" in line("--start", "run")
    assert "run/best.pt: cannot be read as weights" in line("--teachers", "run")
    torch.save({"voices.weight": torch.zeros(7, 30)}, "run/best.pt")
    assert "run: holds no face network; name one made by" in line("--teachers", "run")


@pytest.mark.convert
@pytest.mark.parametrize(
    "words",
    [
        ("train", "prosody-fold-1"),
        ("train", "voice-without-savee"),
        ("benchmark", "prosody-tess-OAF"),
        ("benchmark", "voice-without-savee"),
    ],
)
def test_a_run_that_none_of_a_few_rows_trains_is_refused(
    words: tuple[str, str],
    corpora: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    torch: Any = pytest.importorskip("torch", reason="the training environment: make test-convert")
    from convert.networks.prosody import MienProsody
    from convert.networks.voice import MienVoice

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("convert.training.loop.keep_freed_memory", lambda: None)
    if words[0] == "benchmark":
        run = tmp_path / "runs" / words[1]
        run.mkdir(parents=True)
        torch.save((MienVoice if "voice" in run.name else MienProsody)(classes=8).state_dict(), run / "best.pt")
    line = refused(*words, "--data", str(corpora), "--rows", "16", monkeypatch=monkeypatch, capsys=capsys)
    assert f"{words[1]}: none of the 56 clips of savee trains it; with --rows there are only SAVEE clips" in line


@pytest.mark.convert
@pytest.mark.timeout(300)
@pytest.mark.parametrize("network", ["voice", "prosody"])
def test_fewer_rows_than_a_batch_still_make_a_step(
    network: str, corpora: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    torch: Any = pytest.importorskip("torch", reason="the training environment: make test-convert")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("convert.training.loop.keep_freed_memory", lambda: None)
    few = ("--data", str(corpora), "--rows", "8", "--batch", "14", "--epochs", "1")
    status, text = run_convert("train", network, *few, monkeypatch=monkeypatch, capsys=capsys)
    assert status == 0, text
    state = torch.load(tmp_path / "runs" / network / "last.pt", weights_only=True)
    assert state["schedule"]["last_epoch"] == 1, "steps that were made"
    log = json.loads((tmp_path / "runs" / network / "log.jsonl").read_text())
    assert log["loss"] > 0
