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

from convert.datasets.speech.clips import Clip
from convert.voice.copies.clean import COPIES
from convert.voice.protocols import OWN_CLASSES
from convert.voice.student.material import POOLED, Batch, Material, Sampler, Targets, fit_targets, load_material
from convert.voice.student.network import StudentModel, StudentShape
from convert.voice.student.training import StudentPlan, train_student
from convert.voice.teacher.corpora import CORPORA, read_clips
from convert.voice.teacher.projection import COMPONENTS

WATCHED = 20
"""One clip in this many is held out to watch the loss."""


def light_clips(data: Path, corpus: str, cache: Path) -> list[Clip]:
    """The clips of a corpus without their samples, which are no longer needed."""
    nothing = np.zeros(0, np.int16)
    return [
        Clip(c.name, c.corpus, c.speaker, c.sex, c.emotion, nothing, c.own, c.statement, c.intensity)
        for c in read_clips(data, corpus, cache)
    ]


def tensors(batch: Batch) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Inputs (n, COLUMNS, t, 1), inside (n, t), frames (n, COMPONENTS, t), pooled (n, POOLED)."""
    x = torch.from_numpy(batch.x).transpose(1, 2)[:, :, :, None].contiguous(memory_format=torch.channels_last)
    return (
        x,
        torch.from_numpy(batch.inside),
        torch.from_numpy(batch.frames).transpose(1, 2),
        torch.from_numpy(batch.pooled),
    )


def taught(network: nn.Module, batch: tuple[Tensor, Tensor, Tensor, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
    """(mean squared error of the frames, and of the clips, both relative to the teacher's variance; the logits)."""
    x, inside, frames, pooled = batch
    said, clip, logits = network(x, inside)
    away = ((said - frames) ** 2).mean(dim=1) * inside
    return away.sum() / inside.sum(), ((clip - pooled) ** 2).mean(), logits


def chances(material: Material, clips: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """(n,): the chance of each of `clips`. A corpus ten times as large is drawn five and a half times as often."""
    counts = np.bincount(material.corpus[clips], minlength=len(CORPORA)).astype(float)
    weights = np.asarray(counts[material.corpus[clips]] ** -0.25, np.float64)
    return weights / weights.sum()


def distill(name: str, material: Material, plan: StudentPlan, shape: StudentShape, folder: Path) -> nn.Module:
    """Train the student `name` on all of `material` but every WATCHED-th clip, in the run folder `folder`."""
    every = np.arange(len(material.clips))
    watched, learners = every[every % WATCHED == 0], every[every % WATCHED != 0]
    targets = stored_targets(folder, material, learners)
    sampler = Sampler(material, targets)
    drawn = chances(material, learners)

    def batches(epoch: int) -> Iterator[tuple[Tensor, Tensor, Tensor, Tensor]]:
        rng = np.random.default_rng((plan.seed, epoch))
        order = rng.choice(learners, plan.clips_an_epoch, p=drawn)
        for batch in sampler.batches(order, plan.batch, rng):
            yield tensors(batch)

    def step(network: nn.Module, batch: tuple[Tensor, Tensor, Tensor, Tensor]) -> dict[str, Tensor]:
        frames, clip, _ = taught(network, batch)
        return {"loss": frames + clip, "frames": frames, "clip": clip}

    def score(network: nn.Module) -> dict[str, float]:
        rng, size = np.random.default_rng(0), min(plan.batch, len(watched))
        with torch.inference_mode():
            losses = [taught(network, tensors(batch))[:2] for batch in sampler.batches(watched, size, rng)]
        frames, clip = np.mean([[float(f), float(c)] for f, c in losses], axis=0)
        return {"watched_frames": round(float(frames), 4), "watched_clip": round(float(clip), 4)}

    torch.manual_seed(plan.seed)
    pupil = StudentModel(shape, COMPONENTS, POOLED, len(OWN_CLASSES))
    return train_student(name, pupil, plan, batches, step, score, folder)


def stored_targets(folder: Path, material: Material, learners: npt.NDArray[np.int64]) -> Targets:
    """The targets of the body in `folder`: fitted once on its training clips, then stored."""
    path = folder / "targets.npz"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        made = fit_targets(material, learners)
        partial = path.with_suffix(".partial")
        with partial.open("wb") as file:
            np.savez(file, **asdict(made))
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
    a = parser.parse_args(words)
    folder = a.runs / a.name
    if (folder / "best.pt").exists():
        return
    torch.set_num_threads(1)
    corpora = [c for c in CORPORA if not c.startswith(tuple(a.without) or ("-",))]
    material = load_material(a.cache, lambda corpus: light_clips(a.data, corpus, a.cache), corpora, a.copies)
    plan = StudentPlan(a.epochs, a.clips)
    distill(a.name, material, plan, StudentShape(a.width, a.blocks, a.kernel), folder)


if __name__ == "__main__":
    main()
