"""`python -m convert`: what it refuses in one line, and where a quick check writes."""

import sys
from pathlib import Path

import pytest

from convert.__main__ import MODELS, main


def said(*words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """(exit status, what was written) of a command."""
    monkeypatch.setattr(sys, "argv", ["convert", *words])
    try:
        status = main()
    except SystemExit as end:  # argparse's own
        status = int(end.code or 0)
    written = capsys.readouterr()
    return status, written.out + written.err


@pytest.mark.convert
@pytest.mark.parametrize(("network", "module"), [("face", "faces"), ("voice", "voices")])
def test_a_quick_quantize_never_writes_over_what_is_shipped(
    network: str, module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("torch", reason="the training environment: make test-convert")
    written: list[Path] = []

    def quantize(name: str, run: Path, data: Path, out: Path, rows: int | None = None) -> dict[str, float]:
        written.append(out)
        return {}

    monkeypatch.setattr(f"convert.{module}.quantize.quantize", quantize)
    monkeypatch.chdir(tmp_path)
    status, text = said("quantize", network, "--rows", "64", monkeypatch=monkeypatch, capsys=capsys)
    assert (status, written) == (0, [Path("runs/quick/models")])
    assert f"{network}: a quick check, written to runs/quick/models" in text
    shipped = ("quantize", network, "--rows", "64", "--out", f"{MODELS}/../models")
    status, text = said(*shipped, monkeypatch=monkeypatch, capsys=capsys)
    assert (status, len(written)) == (1, 1)
    assert "models: what is made of --rows 64 does not go there, where all rows are; name another folder" in text
    assert said("quantize", network, "--out", "own", monkeypatch=monkeypatch, capsys=capsys)[0] == 0
    assert said("quantize", network, monkeypatch=monkeypatch, capsys=capsys)[0] == 0
    assert written[1:] == [Path("own"), MODELS]


@pytest.mark.convert
def test_a_quick_benchmark_never_writes_over_the_answers_that_the_report_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("torch", reason="the training environment: make test-convert")

    def benchmark(name: str, data: Path, runs: Path, out: Path, rows: int | None = None) -> list[Path]:
        return [out / name]

    monkeypatch.setattr("convert.voices.benchmark.benchmark", benchmark)
    monkeypatch.chdir(tmp_path)
    quick = ("benchmark", "voice-fold-1", "--rows", "28")
    text = said(*quick, monkeypatch=monkeypatch, capsys=capsys)[1]
    assert text == "runs/quick/answers/voice-fold-1\n"
    status, text = said(*quick, "--out", "docs/answers", monkeypatch=monkeypatch, capsys=capsys)
    assert status == 1
    assert "docs/answers: what is made of --rows 28 does not go there" in text
    text = said("benchmark", "voice-fold-1", monkeypatch=monkeypatch, capsys=capsys)[1]
    assert text == "docs/answers/voice-fold-1\n"


@pytest.mark.parametrize(
    ("option", "value", "why"),
    [
        ("--epochs", "0", "not a whole number, 1 or more"),
        ("--batch", "0", "not a whole number, 1 or more"),
        ("--rows", "0", "not a whole number, 1 or more"),
        ("--rows", "-3", "not a whole number, 1 or more"),
        ("--rows", "many", "not a whole number, 1 or more"),
        ("--threads", "-1", "not a whole number, 0 or more"),
        ("--seed", "-1", "not a whole number, 0 or more"),
        ("--learning-rate", "-1", "not a number over 0"),
        ("--learning-rate", "nan", "not a number over 0"),
        ("--taught", "1.5", "not a number from 0 to 1"),
    ],
)
def test_a_number_that_means_nothing_is_refused(
    option: str, value: str, why: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    status, text = said("train", "voice", option, value, monkeypatch=monkeypatch, capsys=capsys)
    assert status == 2
    assert text.endswith(f"argument {option}: {value!r} is {why}\n")


@pytest.mark.convert
@pytest.mark.parametrize("network", ["voice", "prosody", "voice-fold-1"])
def test_what_only_faces_learn_by_is_refused_for_voices(
    network: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("torch", reason="the training environment: make test-convert")
    monkeypatch.chdir(tmp_path)
    options = ("--start", "face.tflite", "--teachers", "a", "b", "--hard", "0.1", "--sharp", "2")
    status, text = said("train", network, *options, monkeypatch=monkeypatch, capsys=capsys)
    assert status == 1
    assert text == f"convert: train {network}: --start, --teachers, --hard, --sharp: for faces alone; leave it out\n"
    assert not list(tmp_path.iterdir())
