"""A committed .tflite as the start of training."""

from pathlib import Path

import numpy as np
import pytest

from convert.evaluation.shipped import AS_PUBLISHED, load_published_face
from device.errors import ModelError
from device.perception.face.classifier import face_input

pytestmark = pytest.mark.convert
pytest.importorskip("torch", reason="the training environment: make test-convert")


def _pictures(count: int = 64) -> "list[np.ndarray]":
    rng = np.random.default_rng(3)
    coarse = rng.uniform(0, 255, (count, 6, 6))
    return [np.kron(picture, np.ones((8, 8))).astype(np.uint8) for picture in coarse]


def test_a_loaded_tflite_predicts_as_before_and_can_be_trained() -> None:
    import torch

    from convert.face.from_tflite import load_tflite
    from convert.networks.face import MienFace

    pictures = _pictures()
    inputs = torch.from_numpy(np.concatenate([face_input(p) for p in pictures])).permute(0, 3, 1, 2)
    network = MienFace(dropout=0.0)
    load_tflite(network, AS_PUBLISHED, inputs)
    committed = load_published_face()
    wanted = [np.concatenate(logits) for logits in zip(*(committed.run(face_input(p)) for p in pictures), strict=True)]
    for training in (False, True):  # in training mode a normalization uses the batch, here the same one
        with torch.no_grad():
            logits = network.train(training).both(inputs)
        for ours, theirs in zip(logits, wanted, strict=True):
            assert np.corrcoef(ours.numpy().ravel(), theirs.ravel())[0, 1] > 0.99
            assert np.abs(ours.numpy() - theirs).mean() < 0.15 * theirs.std()


def test_another_networks_weights_are_refused() -> None:
    import torch

    from convert.face.from_tflite import load_tflite
    from convert.networks.face import MienFace

    with pytest.raises(ModelError, match="its layers do not fit MienFace"):
        load_tflite(MienFace((8, 16, 32, 48)), AS_PUBLISHED, torch.zeros(2, 1, 48, 48))


def test_an_invalid_model_is_reported(tmp_path: Path) -> None:
    import subprocess
    import sys

    command = [sys.executable, "-m", "convert", "train", "face", "--start", str(tmp_path / "gone.tflite")]
    logits = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (logits.returncode, "gone.tflite: cannot be read" in logits.stderr) == (1, True)
