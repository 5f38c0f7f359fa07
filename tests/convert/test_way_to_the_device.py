"""From a dataset to a model that the device loads: train, interrupt, resume, quantize, evaluate."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from convert.evaluation.predictions import load_predictions
from convert.evaluation.shipped import read_private_test
from convert.voice.novelty import load_distances
from device.emotions import EMOTIONS
from device.perception.audio.prosody import PROSODY
from device.perception.face.classifier import face_input
from device.perception.models.inputs import FACE_PX
from device.perception.models.model import Model
from device.perception.tflite import Network
from device.perception.voice.classifier import VoiceReader
from device.readings import SoundWindow

pytestmark = pytest.mark.convert
pytest.importorskip("torch", reason="the training environment: make test-convert")


def convert(*words: str, where: Path) -> "subprocess.Popen[str]":
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    pipe = subprocess.PIPE
    command = [sys.executable, "-m", "convert", *words]
    return subprocess.Popen(command, cwd=where, env=environment, stdout=pipe, stderr=subprocess.STDOUT, text=True)


def done(*words: str, where: Path) -> str:
    process = convert(*words, where=where)
    output, _ = process.communicate(timeout=400)
    assert process.returncode == 0, output
    return output


def _weights(checkpoint: Path) -> "dict[str, np.ndarray]":
    import torch

    network = torch.load(checkpoint, weights_only=True)["network"]
    return {name: tensor.numpy() for name, tensor in network.items()}


def _seven(weights: Path, pictures: "np.ndarray") -> "np.ndarray":
    """The logits of a trained network's first head before quantization."""
    import torch

    from convert.networks.face import MienFace

    network = MienFace()
    network.load_state_dict(torch.load(weights, weights_only=True))
    inputs = torch.from_numpy(np.concatenate([face_input(picture) for picture in pictures])).permute(0, 3, 1, 2)
    with torch.inference_mode():
        seven: np.ndarray = network.eval()(inputs).numpy()
    return seven


def epochs(log: Path) -> list[int]:
    return [json.loads(line)["epoch"] for line in log.read_text().splitlines()] if log.exists() else []


@pytest.mark.timeout(600)
def test_a_face_network_survives_a_kill_in_training_and_loads_on_the_device(corpora: Path, tmp_path: Path) -> None:
    log = tmp_path / "runs" / "face" / "log.jsonl"
    train = (
        "train",
        "face",
        "--data",
        str(corpora),
        "--rows",
        "200",
        "--batch",
        "20",
        "--epochs",
        "3",
        "--threads",
        "1",
    )
    first = convert(*train, where=tmp_path)
    until = time.monotonic() + 300
    while not (log.parent / "last.pt").exists():
        assert time.monotonic() < until
        assert first.poll() is None, first.communicate()[0]
        time.sleep(0.05)
    first.send_signal(signal.SIGKILL)
    first.communicate()
    before = epochs(log)
    assert before
    assert before[-1] < 3, "the kill came too late to test anything"

    done(*train, where=tmp_path)
    after = epochs(log)
    assert after[: len(before)] == before
    assert after[-1] == 3
    assert len(after) == len(set(after)), "what is learnt again is told once"

    models = tmp_path / "models"
    done("quantize", "face", "--data", str(corpora), "--out", str(models), "--rows", "70", where=tmp_path)
    model = Model("face", models)
    assert model.network.inputs[0].dtype == np.int8
    assert model.network.outputs[0].dtype == np.int8
    assert (models / "face.tflite").stat().st_size < 1_000_000
    # One body, two heads: FER2013's seven for the device, FER+'s eight for the benchmark.
    assert [tensor.shape for tensor in model.network.outputs] == [(1, 7), (1, 8)]
    assert set(model.card.accuracy) >= {"FER+ majority (3,153), accuracy", "the same, expected calibration error"}
    assert (models / "saved_predictions" / "face-float.npz").exists()
    # FER+'s logits are added to the device's seven.
    stored = load_predictions(models / "saved_predictions" / "face-float.npz").logits
    assert np.abs(stored - _seven(log.parent / "best.pt", read_private_test(corpora, rows=70).pictures)).max() > 0.01

    # Interrupted or not, the same epochs give the same weights.
    done(*train, "--out", str(tmp_path / "at-one-go"), where=tmp_path)
    resumed, at_one_go = (_weights(folder / "last.pt") for folder in (log.parent, tmp_path / "at-one-go"))
    for name, values in at_one_go.items():
        np.testing.assert_array_equal(resumed[name], values, err_msg=name)


@pytest.mark.timeout(600)
def test_the_voice_networks_load_on_the_device(corpora: Path, tmp_path: Path) -> None:
    rows = ("--data", str(corpora), "--rows", "28")
    done("train", "voice", *rows, "--batch", "14", "--epochs", "1", "--threads", "1", where=tmp_path)
    models = tmp_path / "models"
    output = done("quantize", "voice", *rows, "--out", str(models), where=tmp_path)
    model = Model("voice", models)
    assert model.card.labels[-1] == "no_speech"
    assert 0 < model.card.unknown_below < 1
    uar = model.card.accuracy["savee, speakers kept out, this network alone, UAR"]
    assert f"savee, speakers kept out, this network alone, UAR: {uar:.2f}" in output

    # The second network's card has the baseline, and both cards have the exponents.
    done("train", "prosody", *rows, "--batch", "14", "--epochs", "2", "--threads", "1", where=tmp_path)
    done("quantize", "prosody", *rows, "--out", str(models), where=tmp_path)
    prosody = Model("prosody", models)
    assert prosody.card.labels == model.card.labels
    assert len(prosody.card.centre) == len(prosody.card.spread) == PROSODY
    assert (models / "prosody.tflite").stat().st_size < 100_000
    reader = VoiceReader(Model("voice", models), prosody)
    assert reader.read(SoundWindow(np.zeros(48_000, np.float32), 3.0)) is None
    assert prosody.card.power_adapted is not None, "how much each weighs once a voice is known is fitted too"
    assert (models / "saved_predictions" / "prosody-validation-stranger.npz").exists()
    # And the training distribution, and the distance of its validation from it.
    assert prosody.card.training is not None
    away = load_distances(models / "saved_predictions" / "distance-validation.npz")
    assert away.names.tolist() == load_predictions(models / "saved_predictions" / "voice-validation.npz").names.tolist()
    assert (away.new > 0).all()
    assert {"heard before" in name for name in prosody.card.accuracy} == {True, False}


@pytest.mark.timeout(600)
def test_a_protocols_network_is_tested_on_a_new_speaker(corpora: Path, tmp_path: Path) -> None:
    rows = ("--data", str(corpora), "--rows", "28")
    missing = convert("benchmark", "voice-fold-2", *rows, where=tmp_path)
    output, _ = missing.communicate(timeout=300)
    assert missing.returncode == 1
    assert "python -m convert train voice-fold-2" in output

    done("train", "voice-fold-2", *rows, "--batch", "14", "--epochs", "1", "--threads", "1", where=tmp_path)
    done("benchmark", "voice-fold-2", *rows, "--out", str(tmp_path / "answers"), where=tmp_path)
    int8 = load_predictions(tmp_path / "answers" / "voice-fold-2-savee.npz")
    exact = load_predictions(tmp_path / "answers" / "voice-fold-2-savee-float.npz")
    assert set(int8.groups.tolist()) == {"SAVEE_JE M"}
    assert int8.classes == exact.classes == tuple(e.value for e in EMOTIONS)
    assert np.abs(int8.logits - exact.logits).mean() < 0.1 * float(np.ptp(exact.logits))


@pytest.mark.timeout(600)
def test_a_prosody_network_is_tested_on_new_and_on_known_speakers(corpora: Path, tmp_path: Path) -> None:
    rows = ("--data", str(corpora), "--rows", "28")
    done("train", "prosody-savee-JE", *rows, "--batch", "14", "--epochs", "2", "--threads", "1", where=tmp_path)
    done("benchmark", "prosody-savee-JE", *rows, "--out", str(tmp_path / "answers"), where=tmp_path)
    new_speakers, known = (
        load_predictions(tmp_path / "answers" / f"prosody-savee-JE-savee{k}.npz") for k in ("-stranger", "")
    )
    assert set(new_speakers.groups.tolist()) == set(known.groups.tolist()) == {"SAVEE_JE M"}
    assert (new_speakers.names == known.names).all()
    assert np.abs(new_speakers.logits - known.logits).max() > 0.01, "to have listened makes a difference"


@pytest.mark.timeout(300)
def test_int8_predicts_as_float(tmp_path: Path) -> None:
    import torch

    from convert.export.tflite import export_float, quantize_int8
    from convert.networks.face import MienFace

    torch.manual_seed(0)
    network = MienFace().eval()
    rng = np.random.default_rng(0)
    pictures = [face_input(rng.integers(0, 256, (FACE_PX, FACE_PX), np.uint8)) for _ in range(40)]
    path = str(tmp_path / "float.tflite")
    export_float(network, (1, FACE_PX, FACE_PX, 1), path)
    real, int8 = Network(Path(path).read_bytes(), "float"), Network(quantize_int8(path, pictures), "int8")
    exact = np.array([real.run(picture)[0][0] for picture in pictures])
    rounded = np.array([int8.run(picture)[0][0] for picture in pictures])
    with torch.inference_mode():
        torch_says = network(torch.from_numpy(np.concatenate(pictures)).permute(0, 3, 1, 2)).numpy()
    np.testing.assert_allclose(exact, torch_says, atol=1e-4)
    spread = float(exact.max() - exact.min())
    assert np.abs(rounded - exact).mean() < 0.05 * spread


def test_a_missing_dataset_is_one_clear_line(tmp_path: Path) -> None:
    process = convert("train", "face", "--data", str(tmp_path), where=tmp_path)
    output, _ = process.communicate(timeout=100)
    assert process.returncode == 1
    assert "faces.png is missing" in output
    assert "Traceback" not in output
