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
from convert.voice.student.distill import chances, light_clips, stored_targets, taught, tensors
from convert.voice.student.material import POOLED, Material, Sampler, Targets, load_material
from convert.voice.student.network import StudentModel, StudentShape
from convert.voice.student.training import StudentPlan, train_student
from convert.voice.teacher.corpora import CORPORA
from convert.voice.teacher.projection import COMPONENTS
from convert.voice.teacher.protocols import ACROSS, FOLDS, Protocol
from convert.voice.teacher.soft_labels import soft_labels

PROTOCOLS = {protocol.name: protocol for protocol in (*FOLDS, *ACROSS)}
_CLASSES = len(OWN_CLASSES)


@dataclass(frozen=True)
class Weights:
    """The weights of the parts of the loss."""

    labels: float = 0.5
    soft: float = 1.0
    """The teacher's soft labels, also for clips without a label."""
    taught: float = 0.3
    """Reproducing the teacher's frames and clips."""


Rows = tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]


def finetune(
    protocol: Protocol,
    material: Material,
    targets: Targets,
    weights: Weights,
    plan: StudentPlan,
    network: nn.Module,
    folder: Path,
) -> nn.Module:
    """Train `network`, a StudentModel, under `protocol`. No batch contains its test clips, even for their frames."""
    clips = material.clips
    trains = np.array([clip.emotion >= 0 and protocol.learns(clip) for clip in clips])
    sound_in = np.flatnonzero(trains | np.array([clip.corpus == "orders" for clip in clips]))
    labels = np.array([max(protocol.label(clip), 0) for clip in clips])
    soft = _soft(protocol, material, targets, sound_in, labels, trains)
    sampler = Sampler(material, targets)
    drawn = chances(material, sound_in)
    drawn *= np.where(trains[sound_in], _rarity(labels, material.corpus)[sound_in], 1.0)
    drawn /= drawn.sum()

    def batches(epoch: int) -> Iterator[Rows]:
        rng = np.random.default_rng((plan.seed, epoch, 2))
        order = rng.choice(sound_in, plan.clips_an_epoch, p=drawn)
        for batch in sampler.batches(order, plan.batch, rng):
            result = torch.from_numpy(np.where(trains[batch.clip], labels[batch.clip], -100))
            yield (*tensors(batch), result, torch.from_numpy(soft[batch.clip]))

    def step(network: nn.Module, batch: Rows) -> dict[str, Tensor]:
        frames, clip, logits = taught(network, batch[:4])
        hard = functional.cross_entropy(logits, batch[4], label_smoothing=0.1)
        answers = -(batch[5] * functional.log_softmax(logits, dim=1)).sum(dim=1).mean()
        loss = weights.labels * hard + weights.soft * answers + weights.taught * (frames + clip)
        right = (logits.argmax(dim=1) == batch[4])[batch[4] >= 0].float().mean()
        return {"loss": loss, "labels": hard, "soft": answers, "frames": frames, "clip": clip, "right": right}

    return train_student(protocol.name, network, plan, batches, step, lambda _: {}, folder)


def _rarity(labels: npt.NDArray[np.int64], corpus: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """(clips,): the rarer a label is in its corpus, the more often it is drawn, so that all are drawn equally."""
    counts = np.zeros((len(CORPORA), _CLASSES))
    np.add.at(counts, (corpus, labels), 1)
    each = counts.sum(axis=1) / np.maximum((counts > 0).sum(axis=1), 1)
    return np.asarray(each[corpus] / counts[corpus, labels], np.float64)


def _soft(
    protocol: Protocol,
    material: Material,
    targets: Targets,
    sound_in: npt.NDArray[np.int64],
    labels: npt.NDArray[np.int64],
    trains: npt.NDArray[np.bool_],
) -> npt.NDArray[np.float32]:
    """(clips, classes): the teacher's answers for the clips in `heard`, 0 for the others."""
    classes = _CLASSES if protocol.own_labels else _CLASSES - 1
    answers = np.zeros((len(labels), _CLASSES), np.float32)
    clips = [material.clips[i] for i in sound_in]
    numbers = targets.natural(targets.pooled(material.statistics(sound_in)))
    answers[sound_in, :classes] = soft_labels(numbers, clips, labels[sound_in], classes, trains[sound_in])
    return answers


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
    parser.add_argument("--labels", type=float, default=Weights.labels)
    parser.add_argument("--soft", type=float, default=Weights.soft)
    parser.add_argument("--taught", type=float, default=Weights.taught)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--width", type=int, default=StudentShape.width)
    parser.add_argument("--blocks", type=int, default=StudentShape.blocks)
    parser.add_argument("--kernel", type=int, default=StudentShape.kernel)
    a = parser.parse_args(words)
    folder = a.runs / (a.name or f"{a.body}-{a.protocol}")
    if (folder / "best.pt").exists():
        return
    torch.set_num_threads(1)
    material = load_material(a.cache, lambda corpus: light_clips(a.data, corpus, a.cache), CORPORA, a.copies)
    torch.manual_seed(a.seed)
    network = StudentModel(StudentShape(a.width, a.blocks, a.kernel), COMPONENTS, POOLED, _CLASSES)
    if a.body != "-":
        checkpoints.load_into(network, a.runs / a.body)
    place = folder if a.body == "-" else a.runs / a.body
    learners = np.flatnonzero([PROTOCOLS[a.protocol].learns(clip) for clip in material.clips])
    targets = stored_targets(place, material, learners)
    plan = StudentPlan(a.epochs, a.clips, learning_rate=a.learning_rate, seed=a.seed)
    finetune(PROTOCOLS[a.protocol], material, targets, Weights(a.labels, a.soft, a.taught), plan, network, folder)


if __name__ == "__main__":
    main()
