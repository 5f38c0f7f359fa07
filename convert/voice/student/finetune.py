"""The second stage: finetunes a distilled student on the labels, with the teacher's frames still in the loss.

python -m convert.voice.student.finetune body fold-1 ../shared/data cache runs --epochs 12
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from convert.training import checkpoints
from convert.voice.copies.clean import COPIES
from convert.voice.protocols import OWN_CLASSES
from convert.voice.student.distill import (
    compute_draw_probabilities,
    compute_teacher_losses,
    load_or_fit_targets,
    to_tensors,
)
from convert.voice.student.material import POOLED, Material, Sampler, Targets, load_material
from convert.voice.student.network import StudentModel, StudentShape
from convert.voice.student.training import StudentPlan, train_student
from convert.voice.teacher.corpora import CORPORA
from convert.voice.teacher.projection import COMPONENTS
from convert.voice.teacher.protocols import ACROSS_CORPORA, FOLDS, Protocol
from convert.voice.teacher.soft_labels import make_soft_labels

PROTOCOLS = {protocol.name: protocol for protocol in (*FOLDS, *ACROSS_CORPORA)}
_CLASSES = len(OWN_CLASSES)


@dataclass(frozen=True)
class LossWeights:
    """The weights of the parts of the loss."""

    labels: float = 0.5
    soft: float = 1.0
    """The teacher's soft labels, also for clips without a label."""
    taught: float = 0.3
    """The errors of the teacher's frames and clips."""


LabelledBatch = tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]


def finetune(
    protocol: Protocol,
    material: Material,
    targets: Targets,
    weights: LossWeights,
    plan: StudentPlan,
    network: nn.Module,
    folder: Path,
) -> nn.Module:
    """Train `network`, a StudentModel, under `protocol`. No batch contains its test clips, even for their frames."""
    clips = material.clips
    trains = np.array([clip.emotion >= 0 and protocol.finetunes(clip) for clip in clips])
    learners = np.flatnonzero(trains | np.array([clip.corpus == "orders" for clip in clips]))
    labels = np.array([max(protocol.label(clip), 0) for clip in clips])
    soft = _spread_soft_labels(protocol, material, targets, learners, labels, trains)
    sampler = Sampler(material, targets)
    probabilities = compute_draw_probabilities(material, learners)
    probabilities *= np.where(trains[learners], _rarity(labels, material.corpus)[learners], 1.0)
    probabilities /= probabilities.sum()

    def batches(epoch: int) -> Iterator[LabelledBatch]:
        rng = np.random.default_rng((plan.seed, epoch, 2))
        order = rng.choice(learners, plan.clips_an_epoch, p=probabilities)
        for batch in sampler.batches(order, plan.batch, rng):
            batch_labels = torch.from_numpy(np.where(trains[batch.clip], labels[batch.clip], -100))
            yield (*to_tensors(batch), batch_labels, torch.from_numpy(soft[batch.clip]))

    def step(network: nn.Module, batch: LabelledBatch) -> dict[str, Tensor]:
        frames, clip, logits = compute_teacher_losses(network, batch[:4])
        hard = functional.cross_entropy(logits, batch[4], label_smoothing=0.1)
        soft_loss = -(batch[5] * functional.log_softmax(logits, dim=1)).sum(dim=1).mean()
        loss = weights.labels * hard + weights.soft * soft_loss + weights.taught * (frames + clip)
        right = (logits.argmax(dim=1) == batch[4])[batch[4] >= 0].float().mean()
        return {"loss": loss, "labels": hard, "soft": soft_loss, "frames": frames, "clip": clip, "right": right}

    return train_student(protocol.name, network, plan, batches, step, lambda _: {}, folder)


def _rarity(labels: npt.NDArray[np.int64], corpus: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """(clips,): a factor for each clip's draws, so that all labels of a corpus are drawn equally often."""
    counts = np.zeros((len(CORPORA), _CLASSES))
    np.add.at(counts, (corpus, labels), 1)
    each = counts.sum(axis=1) / np.maximum((counts > 0).sum(axis=1), 1)
    return np.asarray(each[corpus] / counts[corpus, labels], np.float64)


def _spread_soft_labels(
    protocol: Protocol,
    material: Material,
    targets: Targets,
    learners: npt.NDArray[np.int64],
    labels: npt.NDArray[np.int64],
    trains: npt.NDArray[np.bool_],
) -> npt.NDArray[np.float32]:
    """(clips, classes): the teacher's soft labels for the clips in `learners`, 0 for the others."""
    classes = _CLASSES if protocol.own_labels else _CLASSES - 1
    soft = np.zeros((len(labels), _CLASSES), np.float32)
    clips = [material.clips[i] for i in learners]
    numbers = targets.natural(targets.pooled(material.statistics(learners)))
    soft[learners, :classes] = make_soft_labels(numbers, clips, labels[learners], classes, trains[learners])
    return soft


def main(words: Sequence[str] | None = None) -> None:
    """Parse the arguments and finetune, unless the run is finished."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("body", help="run that the student continues from; - starts from scratch")
    parser.add_argument("protocol", choices=PROTOCOLS)
    parser.add_argument("data", type=Path)
    parser.add_argument("cache", type=Path)
    parser.add_argument("runs", type=Path)
    parser.add_argument("--name", help="name of the run (default: BODY-PROTOCOL)")
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--clips", type=int, default=10_000, help="clips per epoch")
    parser.add_argument("--copies", type=int, default=COPIES)
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--labels", type=float, default=LossWeights.labels)
    parser.add_argument("--soft", type=float, default=LossWeights.soft)
    parser.add_argument("--taught", type=float, default=LossWeights.taught)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--width", type=int, default=StudentShape.width)
    parser.add_argument("--blocks", type=int, default=StudentShape.blocks)
    parser.add_argument("--kernel", type=int, default=StudentShape.kernel)
    arguments = parser.parse_args(words)
    folder = arguments.runs / (arguments.name or f"{arguments.body}-{arguments.protocol}")
    if (folder / "best.pt").exists():
        return
    torch.set_num_threads(1)
    material = load_material(arguments.data, arguments.cache, CORPORA, arguments.copies)
    torch.manual_seed(arguments.seed)
    shape = StudentShape(arguments.width, arguments.blocks, arguments.kernel)
    network = StudentModel(shape, COMPONENTS, POOLED, _CLASSES)
    if arguments.body != "-":
        checkpoints.load_into(network, arguments.runs / arguments.body)
    body = folder if arguments.body == "-" else arguments.runs / arguments.body
    learners = np.flatnonzero([PROTOCOLS[arguments.protocol].finetunes(clip) for clip in material.clips])
    targets = load_or_fit_targets(body, material, learners)
    plan = StudentPlan(arguments.epochs, arguments.clips, learning_rate=arguments.learning_rate, seed=arguments.seed)
    weights = LossWeights(arguments.labels, arguments.soft, arguments.taught)
    finetune(PROTOCOLS[arguments.protocol], material, targets, weights, plan, network, folder)


if __name__ == "__main__":
    main()
