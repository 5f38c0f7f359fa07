"""The speech encoder: Whisper's weights are read, made smaller, distilled and exported."""

from pathlib import Path

import numpy as np
import pytest

from device.emotions import Floats
from device.perception.audio.speech_mel import normalize_level, speech_mel
from device.perception.audio.stft import HOP
from device.perception.voice.chunks import cut_chunks, join_chunks
from device.perception.voice.speech_encoder import SpeechEncoder, pool_frames
from device.sense.simulator.voice import Prosody, speak

pytestmark = pytest.mark.convert
torch = pytest.importorskip("torch", reason="the training environment: make test-convert")

WIDTH, HEADS, LAYERS = 16, 2, 2


def _weights() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    made: dict[str, tuple[int, ...]] = {
        "encoder/conv1/weight": (WIDTH, 80, 3),
        "encoder/conv1/bias": (WIDTH,),
        "encoder/conv2/weight": (WIDTH, WIDTH, 3),
        "encoder/conv2/bias": (WIDTH,),
        "encoder/position_encodings/encodings": (1500, WIDTH),
    }
    for layer in range(LAYERS):
        block = f"encoder/layer_{layer}"
        for norm in ("self_attention", "ffn"):
            made |= {f"{block}/{norm}/layer_norm/{part}": (WIDTH,) for part in ("gamma", "beta")}
        for part, (rows, columns) in {
            "self_attention/linear_0": (3 * WIDTH, WIDTH),
            "self_attention/linear_1": (WIDTH, WIDTH),
            "ffn/linear_0": (4 * WIDTH, WIDTH),
            "ffn/linear_1": (WIDTH, 4 * WIDTH),
        }.items():
            made |= {f"{block}/{part}/weight": (rows, columns), f"{block}/{part}/bias": (rows,)}
    return {name: rng.normal(0, 0.3, shape).astype(np.float16) for name, shape in made.items()}


def _chunks(count: int, seed: int = 1) -> Floats:
    """(count, 128, 80): noise with the same few directions in each frame, as speech has."""
    rng = np.random.default_rng(seed)
    frames = rng.normal(size=(count, 128, 5)) @ np.random.default_rng(2).normal(size=(5, 80))
    return np.asarray(0.3 * frames, np.float32)


def test_whispers_blocks_return_a_frame_every_20_ms() -> None:
    from convert.voice.whisper.network import Shape, load_encoder

    weights = _weights()
    encoder = load_encoder(weights, Shape(WIDTH, HEADS), LAYERS)
    mel = speech_mel(np.random.default_rng(1).normal(0, 0.1, 16_000).astype(np.float32))
    outputs = encoder(torch.from_numpy(mel.T.copy())[None])
    assert [tuple(output.shape) for output in outputs] == [(1, 50, WIDTH)] * LAYERS
    norm = encoder.state_dict()["blocks.1.dense_norm.weight"].numpy()
    np.testing.assert_array_equal(norm, weights["encoder/layer_1/ffn/layer_norm/gamma"].astype(np.float32))


def _relative_error(query: int, value: int, dense: int) -> list[float]:
    """For each block, the error of a compressed encoder on chunks that it was not fitted on."""
    from convert.voice.encoder.compress import compress
    from convert.voice.encoder.distill import to_input
    from convert.voice.encoder.network import EncoderShape, run_whisper
    from convert.voice.whisper.network import Shape, load_encoder

    size = Shape(WIDTH, HEADS)
    whisper = load_encoder(_weights(), size, LAYERS)
    small = compress(whisper, size, EncoderShape(query, value, (dense, dense)), to_input(_chunks(60))).eval()
    others = to_input(_chunks(10, seed=3))
    with torch.no_grad():
        goal, found = run_whisper(whisper, others), torch.stack(small(others), dim=1)
    return [float(((found[:, b] - goal[:, b]) ** 2).mean() / goal[:, b].var()) for b in range(LAYERS)]


def test_a_compressed_encoder_of_full_size_equals_whisper() -> None:
    assert max(_relative_error(WIDTH // HEADS, WIDTH // HEADS, 4 * WIDTH)) < 1e-4


def test_a_smaller_encoder_stays_close_and_a_tiny_one_does_not() -> None:
    half, tiny = _relative_error(4, 6, 32), _relative_error(1, 1, 4)
    assert max(half) < 0.1
    assert max(tiny) > 2 * max(half)


def test_an_interrupted_distillation_ends_with_the_same_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from convert.voice.encoder.distill import distill
    from convert.voice.encoder.material import Chunks
    from convert.voice.encoder.network import EncoderShape
    from convert.voice.encoder.training import DistillationPlan
    from convert.voice.whisper.network import Shape, load_encoder

    size, shape = Shape(WIDTH, HEADS), EncoderShape(2, 2, (8, 8))
    whisper = load_encoder(_weights(), size, LAYERS)
    clean = _chunks(90).astype(np.float16)
    noisy = (clean + np.random.default_rng(4).normal(0, 0.01, clean.shape)).astype(np.float16)
    plan = DistillationPlan(epochs=3, batch=16)

    def train(name: str) -> dict[str, object]:
        network = distill(whisper, size, shape, Chunks(clean, noisy), plan, tmp_path / name, save_s=-1.0)
        return dict(network.state_dict())

    whole = train("whole")
    first, *_, last = (tmp_path / "whole" / "log.jsonl").read_text().splitlines()
    assert float(last.split('"loss": ')[1].split(",")[0]) < float(first.split('"loss": ')[1].split(",")[0])

    def cut(line: dict[str, float], folder: Path) -> None:
        if line["epoch"] == 3:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("convert.training.checkpoints.append_log", cut)
        with pytest.raises(KeyboardInterrupt):
            train("cut")
    resumed = train("cut")
    for name, values in whole.items():
        assert torch.allclose(values.float(), resumed[name].float(), atol=1e-5), name  # type: ignore[attr-defined]


def test_the_int8_encoder_says_nearly_the_same(tmp_path: Path) -> None:
    from convert.voice.encoder.compress import compress
    from convert.voice.encoder.distill import to_input
    from convert.voice.encoder.export import export_encoder
    from convert.voice.encoder.material import Chunks
    from convert.voice.encoder.network import EncoderShape
    from convert.voice.whisper.network import Shape, load_encoder

    size = Shape(WIDTH, HEADS)
    whisper = load_encoder(_weights(), size, LAYERS)
    samples = [speak(Prosody(pitch_hz=pitch), 2.5, seed) for seed, pitch in enumerate((120.0, 180.0, 240.0))]
    chunks = np.concatenate([cut_chunks(sound) for sound in samples]).astype(np.float16)
    small = compress(whisper, size, EncoderShape(8, 8, (64, 64)), to_input(chunks.astype(np.float32))).eval()
    path = tmp_path / "speech-encoder.tflite"
    export_encoder(small, Chunks(chunks, chunks), path)
    for sound in samples:
        frames = SpeechEncoder(path.read_bytes(), "speech-encoder").encode(sound)
        assert frames.shape == (len(sound) // HOP, LAYERS * WIDTH)
        with torch.no_grad():
            exact = torch.cat(small(to_input(cut_chunks(normalize_level(sound)))), dim=2).numpy()
        joined = join_chunks(exact, len(frames))
        assert np.square(frames - joined).mean() < 0.02 * joined.var()
        assert pool_frames(frames).shape == (2 * LAYERS * WIDTH,)
