"""The task of training a face network on FER2013, FER+ and webfaces together, with or without teachers."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from convert.datasets.pictures.fer2013 import Fer2013
from convert.evaluation.metrics import recall
from convert.face.distillation import face_inputs
from convert.face.plan import FacePlan
from convert.face.student.backgrounds import change_backgrounds
from convert.face.student.data import EMOTION_COUNT, FERPLUS_COUNT, MixedFaces, read_webfaces
from convert.face.student.living_room import change_faces
from convert.face.student.network import MixedFace
from convert.face.student.resize import resize_all
from convert.training.loop import Batch, Task

_CHUNK = 2048
Labels = npt.NDArray[np.int64]


@dataclass(frozen=True)
class MixedPlan:
    """Settings of a run in addition to its `FacePlan`: strength of augmentation, and weights of the heads."""

    mixup_share: float = 0.25
    """Share of pictures that are blended with another one (Zhang et al. 2018, "mixup")."""
    ferplus: float = 1.0
    """Weight of FER+'s votes in the loss, relative to FER2013's labels; `webfaces` is that of webfaces' labels."""
    webfaces: float = 1.0
    strong: float = 0.7
    """Strength of augmentation in the first part of a run; from `FacePlan.calm_from` on it is `calm`."""
    calm: float = 1 / 3
    smoothing: float = 0.05
    """Label smoothing for webfaces, whose labels are noisy."""


class Teachers:
    """Larger networks, whose predictions replace a share of the labels as soft targets."""

    def __init__(self, networks: list[MixedFace], priors: tuple[Tensor, Tensor]) -> None:
        self._networks = [network.eval() for network in networks]
        self._log_priors = tuple(prior.log() for prior in priors)

    def predict(self, inputs: Tensor) -> Tensor:
        """(n, 7 + 8 + 7) probabilities of each head with its dataset's prior, averaged over all teachers."""
        total = torch.zeros(())
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
            for network in self._networks:
                heads = [logits.float() for logits in network.all_heads(inputs)]
                heads[0], heads[2] = heads[0] + self._log_priors[0], heads[2] + self._log_priors[1]
                total = total + torch.cat([logits.softmax(dim=1) for logits in heads], dim=1)
        return total / len(self._networks)


def make_task(
    name: str,
    network: MixedFace,
    faces: MixedFaces,
    score: Callable[[nn.Module], dict[str, float]],
    plan: FacePlan,
    mixed: MixedPlan,
    teachers: Teachers | None = None,
) -> Task:
    """The task for `convert.training.loop.train`. Every epoch augments every picture anew, seeded by its number."""
    priors = (faces.fer2013_prior.log(), faces.webfaces_prior.log())
    weights = torch.tensor([1.0, mixed.ferplus, mixed.webfaces])
    count = len(faces)

    def batches(epoch: int) -> Iterator[Batch]:
        generator = torch.Generator().manual_seed(1_000_003 * plan.seed + epoch)
        strength = mixed.strong if epoch < plan.calm_from * plan.epochs else mixed.calm
        order = torch.randperm(count, generator=generator)
        size = _CHUNK // plan.batch * plan.batch
        for chunk in order.split(size):
            part = faces.faces.rows(chunk)
            changed = change_backgrounds(part, generator, strength)
            pixels = change_faces(replace(part, pixels=changed), generator, strength)
            inputs, targets = mix_up(face_inputs(pixels), faces.targets[chunk], mixed.mixup_share * strength, generator)
            for start in range(0, len(chunk) - plan.batch + 1, plan.batch):
                rows = slice(start, start + plan.batch)
                part_inputs = inputs[rows].contiguous(memory_format=torch.channels_last)
                part_targets = targets[rows]
                if teachers is not None:
                    part_targets = _blend_targets(part_targets, teachers.predict(part_inputs), plan.taught)
                yield part_inputs, part_targets

    def loss(network: nn.Module, batch: Batch) -> Tensor:
        assert isinstance(network, MixedFace)
        emotions, ferplus, webfaces = network.all_heads(batch[0])
        parts = batch[1].split((EMOTION_COUNT, FERPLUS_COUNT, EMOTION_COUNT), dim=1)
        smoothed = parts[2] * (1 - mixed.smoothing) + mixed.smoothing / EMOTION_COUNT * parts[2].sum(1, keepdim=True)
        losses = (
            _cross_entropy(emotions.float() + priors[0], parts[0]),
            _cross_entropy(ferplus.float(), parts[1]),
            _cross_entropy(webfaces.float() + priors[1], smoothed),
        )
        return (torch.stack(losses) * weights).sum()

    per_chunk = _CHUNK // plan.batch
    steps = count // (per_chunk * plan.batch) * per_chunk + count % (per_chunk * plan.batch) // plan.batch
    return Task(name, network, batches, steps, loss, score)


def _cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """Mean over the batch; rows whose targets are all 0 contribute nothing."""
    return -(targets * functional.log_softmax(logits, dim=1)).sum(dim=1).mean()


def _blend_targets(targets: Tensor, predictions: Tensor, share: float) -> Tensor:
    """Targets (n, 22) in which the teachers' predictions replace `share` of each head's.

    Teachers answer for every dataset's head on every picture: a webfaces portrait teaches FER2013's head too. Where a
    row has no label of a dataset, the teachers' prediction has `share` of the weight of a label.
    """
    return (1 - share) * targets + share * predictions


def mix_up(inputs: Tensor, targets: Tensor, share: float, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Blend `share` of the inputs (n, 1, s, s) with up to half of another one, and their targets (n, k) alike."""
    count = len(inputs)
    other = torch.randperm(count, generator=generator)
    blend = torch.rand(count, 1, generator=generator) ** 2 / 2
    blend = torch.where(torch.rand(count, 1, generator=generator) < share, blend, 0.0)
    weight = blend[:, :, None, None]
    mixed = face_inputs(100 * ((1 - weight) * inputs + weight * inputs[other])[:, 0])
    mixed_inputs = torch.where(weight > 0, mixed, inputs)
    return mixed_inputs, (1 - blend) * targets + blend * targets[other]


def make_score(
    data: Path,
    priors: tuple[Tensor, Tensor],
    *,
    side: int = 48,
    rows: int | None = None,
    scored_heads: tuple[str, ...] = ("fer2013", "uar", "ferplus", "webfaces"),
) -> Callable[[nn.Module], dict[str, float]]:
    """Accuracy and recall on PublicTest, FER+'s majority on it, and accuracy on webfaces' validation, in per cent.

    The score is the mean of the `scored_heads`: an untrained head has no say in which epoch is best.
    """
    part = rows is not None
    own = Fer2013(data / "fer2013", part=part).validation().first(rows or 10**6)
    validation = read_webfaces(data / "webfaces", part=part).validation()
    majority = own.majority()
    clear = majority >= 0
    inputs = face_inputs(torch.from_numpy(resize_all(own.pictures, side)))
    web_inputs = face_inputs(torch.from_numpy(resize_all(validation.pictures[:rows], side)))
    web_labels = validation.labels[:rows]

    def score(network: nn.Module) -> dict[str, float]:
        assert isinstance(network, MixedFace)
        emotions, ferplus, _ = _all_heads(network, inputs)
        _, _, webfaces = _all_heads(network, web_inputs)
        read = (emotions + priors[0].log()).argmax(dim=1).numpy()
        balanced = emotions.argmax(dim=1).numpy()
        figures = {
            "fer2013": _per_cent(read == own.labels),
            "uar": recall(balanced, own.labels),
            "ferplus": _per_cent(ferplus.argmax(dim=1).numpy()[clear] == majority[clear]),
            "webfaces": _per_cent(webfaces.argmax(dim=1).numpy() == web_labels),
        }
        return {"score": float(np.mean([figures[name] for name in scored_heads])), **figures}

    return score


def _per_cent(right: npt.NDArray[np.bool_]) -> float:
    return 100 * float(right.mean()) if len(right) else 0.0


def _all_heads(network: MixedFace, inputs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    with torch.autocast("cpu", torch.bfloat16):
        outputs = [network.all_heads(part) for part in inputs.split(512)]
    heads = [torch.cat(list(part)).float() for part in zip(*outputs, strict=True)]
    return heads[0], heads[1], heads[2]
