"""The first stage: a student learns the teacher's output for each frame and each whole clip, without labels.

python -m convert.voice.student.distill body ../shared/data cache runs --without ravdess savee --epochs 40
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from convert.voice.copies.clean import COPIES
from convert.voice.protocols import OWN_CLASSES
from convert.voice.student.material import POOLED, Batch, Material, Sampler, Targets, fit_targets, load_material
from convert.voice.student.network import StudentModel, StudentShape
from convert.voice.student.training import SAVE_S, StudentPlan, train_student
from convert.voice.teacher.corpora import CORPORA
from convert.voice.teacher.projection import COMPONENTS

VALIDATION_EVERY = 20
"""One clip in this many is held out, to watch the loss."""


TensorBatch = tuple[Tensor, Tensor, Tensor, Tensor]
"""Inputs (n, COLUMNS, t, 1), inside (n, t), frames (n, COMPONENTS, t), pooled (n, POOLED)."""


def to_tensors(batch: Batch) -> TensorBatch:
    """A batch for the network, with time along the third axis."""
    x = torch.from_numpy(batch.x).transpose(1, 2)[:, :, :, None].contiguous(memory_format=torch.channels_last)
    return (
        x,
        torch.from_numpy(batch.inside),
        torch.from_numpy(batch.frames).transpose(1, 2),
        torch.from_numpy(batch.pooled),
    )


def compute_teacher_losses(network: nn.Module, batch: TensorBatch) -> tuple[Tensor, Tensor, Tensor]:
    """(mean squared error of the frames, that of the whole clips, logits); both errors relative to the variance."""
    x, inside, frames, pooled = batch
    predicted, clip, logits = network(x, inside)
    errors = ((predicted - frames) ** 2).mean(dim=1) * inside
    return errors.sum() / inside.sum(), ((clip - pooled) ** 2).mean(), logits


def compute_draw_probabilities(material: Material, clips: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """(n,), for each of `clips`. A corpus ten times as large is drawn five and a half times as often."""
    counts = np.bincount(material.corpus[clips], minlength=len(CORPORA)).astype(float)
    weights = np.asarray(counts[material.corpus[clips]] ** -0.25, np.float64)
    return weights / weights.sum()


def distill(
    name: str,
    material: Material,
    plan: StudentPlan,
    shape: StudentShape,
    folder: Path,
    *,
    components: int = POOLED,
    save_s: float = SAVE_S,
) -> nn.Module:
    """Train the student `name` on all of `material` but every VALIDATION_EVERY-th clip, in the run folder `folder`.

    `components`: the length of the targets of a whole clip. `save_s`: the time between checkpoints.
    """
    all_clips = np.arange(len(material.clips))
    held_out, learners = all_clips[all_clips % VALIDATION_EVERY == 0], all_clips[all_clips % VALIDATION_EVERY != 0]
    targets = load_or_fit_targets(folder, material, learners, components)
    sampler = Sampler(material, targets)
    probabilities = compute_draw_probabilities(material, learners)

    def batches(epoch: int) -> Iterator[TensorBatch]:
        rng = np.random.default_rng((plan.seed, epoch))
        order = rng.choice(learners, plan.clips_an_epoch, p=probabilities)
        for batch in sampler.batches(order, plan.batch, rng):
            yield to_tensors(batch)

    def step(network: nn.Module, batch: TensorBatch) -> dict[str, Tensor]:
        frames, clip, _ = compute_teacher_losses(network, batch)
        return {"loss": frames + clip, "frames": frames, "clip": clip}

    def score(network: nn.Module) -> dict[str, float]:
        rng, size = np.random.default_rng(0), min(plan.batch, len(held_out))
        with torch.inference_mode():
            losses = [
                compute_teacher_losses(network, to_tensors(batch))[:2] for batch in sampler.batches(held_out, size, rng)
            ]
        frames, clip = np.mean([[float(f), float(c)] for f, c in losses], axis=0)
        return {"watched_frames": round(float(frames), 4), "watched_clip": round(float(clip), 4)}

    torch.manual_seed(plan.seed)
    model = StudentModel(shape, COMPONENTS, components, len(OWN_CLASSES))
    return train_student(name, model, plan, batches, step, score, folder, save_s)


def load_or_fit_targets(
    folder: Path, material: Material, learners: npt.NDArray[np.int64], components: int = POOLED
) -> Targets:
    """The targets of the body in `folder`: fitted once on its training clips, then stored."""
    path = folder / "targets.npz"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        targets = fit_targets(material, learners, components)
        partial = path.with_suffix(".partial")
        with partial.open("wb") as file:
            np.savez(file, **asdict(targets))
        partial.replace(path)
    return Targets(**np.load(path))


def main(words: Sequence[str] | None = None) -> None:
    """Parse the arguments and distill, unless the run is finished."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name")
    parser.add_argument("data", type=Path)
    parser.add_argument("cache", type=Path)
    parser.add_argument("runs", type=Path)
    parser.add_argument("--without", nargs="*", default=[], help="leave out corpora whose names start so")
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--clips", type=int, default=10_000, help="clips per epoch")
    parser.add_argument("--copies", type=int, default=COPIES)
    parser.add_argument("--width", type=int, default=StudentShape.width)
    parser.add_argument("--blocks", type=int, default=StudentShape.blocks)
    parser.add_argument("--kernel", type=int, default=StudentShape.kernel)
    arguments = parser.parse_args(words)
    folder = arguments.runs / arguments.name
    if (folder / "best.pt").exists():
        return
    torch.set_num_threads(1)
    corpora = [c for c in CORPORA if not c.startswith(tuple(arguments.without) or ("-",))]
    material = load_material(arguments.data, arguments.cache, corpora, arguments.copies)
    plan = StudentPlan(arguments.epochs, arguments.clips)
    distill(arguments.name, material, plan, StudentShape(arguments.width, arguments.blocks, arguments.kernel), folder)


if __name__ == "__main__":
    main()
