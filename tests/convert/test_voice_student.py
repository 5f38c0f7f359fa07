"""The teacher's encoder loads CTranslate2's weights; a student learns from it, and resumes after an interruption."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convert.datasets.speech.clips import Clip
from convert.evaluation.predictions import Ints
from device.emotions import Floats

pytestmark = pytest.mark.convert
torch = pytest.importorskip("torch", reason="the training environment: make test-convert")

COUNT = 24
LENGTHS = [60, 90, 170, 75]
COMPONENTS = 8
"""So few clips have so few components."""


def _weights(width: int, layers: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    made: dict[str, tuple[int, ...]] = {
        "encoder/conv1/weight": (width, 80, 3),
        "encoder/conv1/bias": (width,),
        "encoder/conv2/weight": (width, width, 3),
        "encoder/conv2/bias": (width,),
        "encoder/position_encodings/encodings": (1500, width),
    }
    for layer in range(layers):
        block = f"encoder/layer_{layer}"
        for norm in ("self_attention", "ffn"):
            made |= {f"{block}/{norm}/layer_norm/{part}": (width,) for part in ("gamma", "beta")}
        for part, (rows, columns) in {
            "self_attention/linear_0": (3 * width, width),
            "self_attention/linear_1": (width, width),
            "ffn/linear_0": (4 * width, width),
            "ffn/linear_1": (width, 4 * width),
        }.items():
            made |= {f"{block}/{part}/weight": (rows, columns), f"{block}/{part}/bias": (rows,)}
    return {name: rng.normal(0, 0.1, shape).astype(np.float16) for name, shape in made.items()}


def test_an_encoder_returns_a_frame_every_20_ms_from_every_block() -> None:
    from convert.voice.teacher.projection import run_encoder
    from convert.voice.teacher.whisper import Shape, load_encoder

    weights = _weights(16, 2)
    encoder = load_encoder(weights, Shape(16, 2), 2)
    blocks = run_encoder(encoder, np.random.default_rng(1).normal(0, 0.1, 16_000).astype(np.float32))
    assert [block.shape for block in blocks] == [(50, 16), (50, 16)]
    norm = encoder.state_dict()["blocks.1.dense_norm.weight"].numpy()
    np.testing.assert_array_equal(norm, weights["encoder/layer_1/ffn/layer_norm/gamma"].astype(np.float32))


def _material() -> Any:
    """Clips whose teacher predicts the first columns of their frames."""
    from convert.voice.student.material import Material
    from convert.voice.student.views import COLUMNS
    from convert.voice.teacher import projection
    from convert.voice.teacher.frames import TeacherFrames

    rng = np.random.default_rng(2)
    nothing = np.zeros(0, np.int16)
    clips = [Clip(f"c{i}", "savee", f"S{i % 4}", "M", i % 7, nothing) for i in range(COUNT)]
    lengths = [LENGTHS[i % 4] for i in range(COUNT)]
    rows = rng.normal(0, 1, (sum(lengths), COLUMNS)).astype(np.float16)
    taught = rng.normal(0, 0.1, (len(rows), projection.COMPONENTS))
    taught[:, :COLUMNS] += rows
    statistics = rng.normal(size=(COUNT, 4, 2, 160)).astype(np.float16)
    frames = TeacherFrames(taught.astype(np.float16), np.cumsum(lengths), statistics)
    return Material(clips, np.full(COUNT, 2), np.arange(COUNT), {(2, 0): frames}, {(2, 0): [rows, rows]})


def test_an_interrupted_training_ends_with_the_same_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from convert.voice.student import distill
    from convert.voice.student.network import StudentShape
    from convert.voice.student.training import StudentPlan

    shape, plan = StudentShape(16, 1, 3), StudentPlan(3, 16, batch=8)

    def train(name: str) -> Any:
        return distill.distill(
            name, _material(), plan, shape, tmp_path / name, components=COMPONENTS, save_s=-1.0
        ).state_dict()

    whole = train("whole")

    def cut(line: dict[str, float], folder: Path) -> None:
        if line["epoch"] == 3:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("convert.training.checkpoints.append_log", cut)
        with pytest.raises(KeyboardInterrupt):
            train("cut")
    resumed = train("cut")
    for name, values in whole.items():
        assert torch.allclose(values.float(), resumed[name].float(), atol=1e-5), name


def test_the_windows_of_a_batch_are_about_equally_long(tmp_path: Path) -> None:
    from convert.voice.student.distill import load_or_fit_targets
    from convert.voice.student.input import FRAMES
    from convert.voice.student.material import Batch, Sampler

    material = _material()
    sampler = Sampler(material, load_or_fit_targets(tmp_path, material, np.arange(COUNT), COMPONENTS))
    rng = np.random.default_rng(0)
    batches: Iterator[Batch] = sampler.batches(np.arange(COUNT), 6, rng)
    lengths = []
    for batch in batches:
        inside = batch.inside.sum(axis=1)
        assert batch.x.shape[1] == inside.max() <= FRAMES
        assert (batch.frames[batch.inside == 0] == 0).all()
        lengths.append(sorted(inside.tolist()))
    flat = [length for batch_lengths in sorted(lengths) for length in batch_lengths]
    assert flat == sorted(flat)


def test_finetuning_uses_no_clip_of_a_tested_speaker(tmp_path: Path) -> None:
    from convert.voice.student.distill import load_or_fit_targets
    from convert.voice.student.finetune import LossWeights, finetune
    from convert.voice.student.material import Batch, Sampler
    from convert.voice.student.network import StudentModel, StudentShape
    from convert.voice.student.training import StudentPlan
    from convert.voice.teacher import projection
    from convert.voice.teacher.protocols import Protocol

    def others(clip: Clip) -> bool:
        return clip.speaker != "S3"

    protocol = Protocol("made", others, others, lambda c: c.speaker == "S3", False, lambda c: c.speaker)
    material = _material()
    drawn: set[int] = set()

    class Watched(Sampler):
        def batches(self, clips: Ints, size: int, rng: np.random.Generator, pool: int = 16) -> Iterator[Batch]:
            for batch in super().batches(clips, size, rng, pool):
                drawn.update(batch.clip.tolist())
                yield batch

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("convert.voice.student.finetune.Sampler", Watched)
        targets = load_or_fit_targets(tmp_path, material, np.arange(COUNT), COMPONENTS)
        model = StudentModel(StudentShape(16, 1, 3), projection.COMPONENTS, COMPONENTS, 8)
        plan = StudentPlan(2, 16, batch=8)
        finetune(protocol, material, targets, LossWeights(), plan, model, tmp_path / "run")
    assert drawn
    assert all(i % 4 != 3 for i in drawn)


def test_features_are_pooled_in_training_as_on_the_device() -> None:
    from convert.voice.student.features import pool_frames
    from convert.voice.student.network import pool

    frames: Floats = np.random.default_rng(0).normal(size=(30, 5)).astype(np.float32)
    inside = torch.zeros(1, 30)
    inside[0, 4:25] = 1
    in_training = pool(torch.from_numpy(frames.T[None].copy()), inside)[0].numpy()
    np.testing.assert_allclose(in_training, pool_frames(frames[4:25]), rtol=1e-4)
