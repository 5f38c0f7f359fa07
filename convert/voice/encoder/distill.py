"""Distils Whisper's first blocks into the speech encoder: the same outputs, also where the sound is worse.

    python -m convert.voice.encoder.distill ../shared/data runs/cache runs/speech-encoder

An interrupted run resumes. 22 epochs take three quarters of an hour on one core.
"""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from convert.training import checkpoints
from convert.voice.encoder.compress import compress
from convert.voice.encoder.material import Chunks, Halves, load_chunks
from convert.voice.encoder.network import EncoderShape, SpeechEncoder, run_whisper
from convert.voice.encoder.training import SAVE_S, DistillationPlan, train_encoder
from convert.voice.whisper.network import TINY, Encoder, Shape
from convert.voice.whisper.package import fetch_encoder
from device.emotions import Floats
from device.perception.audio.speech_mel import BANDS

PLAN = DistillationPlan(epochs=22)
_FITTED = 900
"""Chunks that the compressed layers are fitted on."""
_VALIDATION_EVERY = 40
_DEGRADED = 0.6
"""The share of chunks that the encoder hears degraded."""
_TILT = 0.06
"""The deviation of the curve of another microphone, on log-mel's scale; Whisper does not hear it."""
_MEAN_WEIGHT = 4.0
"""The weight of the error of a chunk's mean: means over an utterance are what the voice network reads."""
_FIRST_WEIGHT = 0.5
"""The weight of all blocks but the last, whose outputs are easier."""
_AT_ONCE = 64

Batch = tuple[Tensor, Tensor]
"""Inputs (n, BANDS, 2 CHUNK, 1) and Whisper's outputs (n, blocks, CHUNK, width)."""


def distill(
    whisper: Encoder,
    size: Shape,
    shape: EncoderShape,
    chunks: Chunks,
    plan: DistillationPlan,
    folder: Path,
    *,
    save_s: float = SAVE_S,
) -> nn.Module:
    """Train or resume the encoder in the run folder `folder`; every fortieth chunk is held out.

    `save_s`: the time between checkpoints.
    """
    goals = _compute_goals(whisper, chunks.clean)
    scale = goals[::13].float().std(dim=(0, 2), keepdim=True)
    everything = np.arange(len(chunks.clean))
    held_out = everything[everything % _VALIDATION_EVERY == 0]
    learners = everything[everything % _VALIDATION_EVERY != 0]
    weights = torch.full((goals.shape[1],), _FIRST_WEIGHT)
    weights[-1] = 1

    def batches(epoch: int) -> Iterator[Batch]:
        rng = np.random.default_rng((plan.seed, epoch))
        order = rng.permutation(learners)
        for start in range(0, len(order) - plan.batch + 1, plan.batch):
            rows = order[start : start + plan.batch]
            is_degraded = rng.random(len(rows)) < _DEGRADED
            x = np.where(is_degraded[:, None, None], chunks.degraded[rows], chunks.clean[rows]).astype(np.float32)
            yield to_input(x + _draw_tilts(len(rows), rng)), goals[rows]

    def errors(network: nn.Module, batch: Batch) -> tuple[Tensor, Tensor]:
        """The errors of the frames and of the chunks' means, each (blocks,), relative to the variance."""
        away = torch.stack(network(batch[0]), dim=1).float() - batch[1].float()
        frames = torch.square(away / scale).mean(dim=(0, 2, 3))
        means = torch.square(away.mean(dim=2) / scale[:, :, 0]).mean(dim=(0, 2))
        return frames, means

    def step(network: nn.Module, batch: Batch) -> dict[str, Tensor]:
        frames, means = errors(network, batch)
        loss = (weights * (frames + _MEAN_WEIGHT * means)).sum()
        return {"loss": loss, "frames": frames[-1], "means": means[-1]}

    def score(network: nn.Module) -> dict[str, float]:
        found: dict[str, float] = {}
        for name, inputs in (("clean", chunks.clean), ("degraded", chunks.degraded)):
            with torch.inference_mode():
                parts = [
                    errors(network, (to_input(inputs[rows].astype(np.float32)), goals[rows]))
                    for rows in np.array_split(held_out, max(len(held_out) // _AT_ONCE, 1))
                ]
            frames, means = (float(torch.stack([part[i][-1] for part in parts]).mean()) for i in (0, 1))
            found |= {f"{name}_frames": round(frames, 4), f"{name}_means": round(means, 4)}
        return found

    if (folder / "last.pt").exists():
        network = SpeechEncoder(size, shape)
    else:
        rng = np.random.default_rng(plan.seed)
        rows = rng.choice(learners, min(_FITTED, len(learners)), replace=False)
        network = compress(whisper, size, shape, to_input(chunks.clean[rows].astype(np.float32)))
    return train_encoder(
        "speech-encoder", network, plan, len(learners) // plan.batch, batches, step, score, folder, save_s
    )


def to_input(mel: Floats) -> Tensor:
    """(n, 2 CHUNK, BANDS) -> the network's input (n, BANDS, 2 CHUNK, 1)."""
    return torch.from_numpy(np.ascontiguousarray(mel)).transpose(1, 2)[:, :, :, None]


def _draw_tilts(count: int, rng: np.random.Generator) -> Floats:
    """(count, 1, BANDS) float32: for half of the chunks a smooth curve over the bands, for the others 0."""
    curves = rng.normal(0, _TILT, (count, 6)) * (rng.random((count, 1)) < 0.5)
    at = np.linspace(0, 5, BANDS)
    return np.stack([np.interp(at, np.arange(6), curve) for curve in curves]).astype(np.float32)[:, None]


def _compute_goals(whisper: Encoder, clean: Halves) -> Tensor:
    """(n, blocks, CHUNK, width) float16: Whisper's outputs for the clean chunks."""
    parts = []
    for start in range(0, len(clean), _AT_ONCE):
        x = to_input(clean[start : start + _AT_ONCE].astype(np.float32))
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
            parts.append(run_whisper(whisper, x).half())
    return torch.cat(parts)


def load_encoder(folder: Path) -> SpeechEncoder:
    """The trained encoder of a run folder, in evaluation mode. Raises ModelError when it is missing or damaged."""
    network = SpeechEncoder(TINY)
    checkpoints.load_into(network, folder)
    return network.eval()


def main(words: Sequence[str] | None = None) -> None:
    """Parse the arguments and distil, unless the run is finished."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("cache", type=Path)
    parser.add_argument("run", type=Path)
    arguments = parser.parse_args(words)
    if (arguments.run / "best.pt").exists():
        return
    torch.set_num_threads(1)
    arguments.cache.mkdir(parents=True, exist_ok=True)
    chunks = load_chunks(arguments.data, arguments.cache)
    shape = EncoderShape()
    whisper = fetch_encoder("tiny", len(shape.dense), arguments.cache / "teacher")
    distill(whisper, TINY, shape, chunks, PLAN, arguments.run)


if __name__ == "__main__":
    main()
