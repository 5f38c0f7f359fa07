"""The task of training Mien's face network on FER2013's labels and FER+'s votes together."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from convert.datasets.pictures.fer2013 import Faces, Fer2013
from convert.face import distillation
from convert.face.distillation import FaceNetwork
from convert.face.plan import PLAN, PRETRAINED, TEACHERS, FacePlan
from convert.networks.face import TEACHER, MienFace
from convert.networks.mobile_face import MobileFace
from convert.training.loop import Batch, Task, select_device
from device.emotions import EMOTIONS
from device.errors import SettingsError


def label_given_votes(faces: Faces) -> Tensor:
    """(n, 7): the probability of each FER2013 label given the ten votes; a logistic regression fitted on `faces`.

    One person chose FER2013's label; ten people voted for FER+. The votes explain part of the noise in that label.
    """
    torch.manual_seed(0)
    regression = nn.Sequential(nn.Linear(faces.counts.shape[1], 64), nn.Tanh(), nn.Linear(64, len(EMOTIONS)))
    shares = torch.from_numpy(faces.counts / np.maximum(faces.counts.sum(axis=1, keepdims=True), 1))
    labels = torch.from_numpy(faces.labels)
    optimizer = torch.optim.LBFGS(regression.parameters(), max_iter=200)

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = functional.cross_entropy(regression(shares), labels)
        loss.backward()
        return loss

    optimizer.step(closure)
    with torch.inference_mode():
        return torch.softmax(regression(shares), dim=1)


def sharpen(votes: Tensor, power: float) -> Tensor:
    """Shares (n, 8) raised to `power`; each row keeps its sum: 1, or 0 without votes."""
    raised = votes**power
    return raised / raised.sum(dim=1, keepdim=True).clamp(min=torch.finfo(raised.dtype).tiny)


def face_task(
    data: Path,
    plan: FacePlan = PLAN,
    rows: int | None = None,
    *,
    name: str = "face",
    as_published: bool = False,
    start: Path | None = None,
    teachers: Sequence[Path] = (),
    ferplus_teachers: Sequence[Path] = (),
    cache: Path = Path("runs"),
) -> Task:
    """The task on the corpus in `data`/fer2013.

    Args:
        data: The folder of the datasets.
        plan: How it trains; `name` decides the size of the network (see `convert.face.plan`).
        rows: Use only this many rows, for a quick check.
        name: The network's name in `convert.face.plan.PLANS`.
        as_published: Use all Training rows, copies of test pictures included.
        start: What `distillation.load_into` reads, to start from.
        teachers: Run folders or .tflite of networks of any size. They must not have trained on more rows than these.
        ferplus_teachers: Teachers of FER+'s head; by default the same.
        cache: The folder that stores the teachers' predictions.

    Raises SettingsError when `plan` holds an invalid weight, and when only FER+'s head has teachers.
    """
    if ferplus_teachers and not teachers:
        raise SettingsError("train: --ferplus-teachers needs --teachers for FER2013's head; name both")
    if plan.sharp <= 0 or plan.labels < 0:
        raise SettingsError(f"train: --sharp must be over 0 and --labels 0 or more, not {plan.sharp} and {plan.labels}")
    corpus = Fer2013(data / "fer2013")
    training, validation = corpus.training(as_published=as_published), corpus.validation()
    if rows is not None:
        training, validation = training.first(rows), validation.first(rows)
    device = select_device()
    hard = functional.one_hot(torch.from_numpy(training.labels), len(EMOTIONS)).float()
    votes = sharpen(torch.from_numpy(training.votes), plan.sharp)
    # Rows without a vote for an emotion have no weight in FER+'s loss.
    vote_weight = votes.sum(dim=1, keepdim=True).to(device)
    targets = torch.cat([plan.hard * hard + (1 - plan.hard) * label_given_votes(training), votes], dim=1).to(device)
    pictures = torch.from_numpy(training.pictures).to(device)
    share = plan.taught if plan.teacher else 0.0
    soft_targets = None
    if plan.teacher:
        numbers = [distillation.select_drawing(epoch, plan.epochs, plan.calm_from) for epoch in range(plan.epochs)]
        path = cache / f"{name}-lessons.pt"
        soft_targets = distillation.load_targets(teachers, pictures, plan.seed, path, ferplus_teachers, numbers)

    def batches(epoch: int) -> Iterator[Batch]:
        number = distillation.select_drawing(epoch, plan.epochs, plan.calm_from)
        if soft_targets is None:
            drawing = distillation.draw(pictures, (plan.seed, epoch), distillation.augmentation_strength(number))
            wanted = drawing.mix(targets)
        else:
            drawing = distillation.draw(pictures, (plan.seed, number), distillation.augmentation_strength(number))
            soft = _weight_votes(soft_targets[number].to(device).float(), vote_weight)
            wanted = (1 - share) * drawing.mix(targets) + share * soft
        generator = torch.Generator().manual_seed(1_000_003 * plan.seed + 500_000 + epoch)
        order = torch.randperm(len(pictures), generator=generator).to(device)
        is_mirrored = (torch.rand(len(pictures), 1, 1, 1, generator=generator) < 0.5).to(device)
        inputs = torch.where(is_mirrored, drawing.inputs.flip(3), drawing.inputs)
        for rows_of_batch in order.split(plan.batch)[: _count_steps(len(pictures), plan.batch)]:
            yield inputs[rows_of_batch].contiguous(memory_format=torch.channels_last), wanted[rows_of_batch]

    def loss(network: nn.Module, batch: Batch) -> Tensor:
        inputs, wanted = batch
        assert isinstance(network, FaceNetwork)
        emotions, ferplus = network.both(inputs)
        vote_loss = -(wanted[:, len(EMOTIONS) :] * functional.log_softmax(ferplus.float(), dim=1)).sum(dim=1)
        label_loss = functional.cross_entropy(emotions.float(), wanted[:, : len(EMOTIONS)])
        return plan.labels * label_loss + vote_loss.mean()

    torch.manual_seed(plan.seed)
    network = _build_network(name, has_teachers=soft_targets is not None)
    if start is not None:
        distillation.load_into(network, start, torch.from_numpy(training.pictures))
    steps = _count_steps(len(training), plan.batch)
    return Task(name, network, batches, steps, loss, _make_score(validation, plan.labels))


def _build_network(name: str, *, has_teachers: bool) -> FaceNetwork:
    if name == PRETRAINED:
        return MobileFace()
    if name in TEACHERS:
        return MienFace(TEACHER, dropout=0.4)
    # With teachers the targets are too rich for a network of this size to overfit.
    return MienFace(dropout=0.0 if has_teachers else 0.1)


def _count_steps(rows: int, batch: int) -> int:
    """Batches per epoch. A last batch of a few rows is left out: it would distort the batch normalization."""
    return max(rows // batch, 1)


def _weight_votes(soft: Tensor, vote_weight: Tensor) -> Tensor:
    """The teachers' (n, 7 + 8), with FER+'s part weighted like the row's own votes."""
    return torch.cat([soft[:, : len(EMOTIONS)], vote_weight * soft[:, len(EMOTIONS) :]], dim=1)


def _make_score(validation: Faces, label_weight: float) -> Callable[[nn.Module], dict[str, float]]:
    """Accuracy on `validation` by FER2013's labels, and by FER+'s majority when there is one.

    The score is their mean, FER2013's with the weight that its labels have in the loss.
    """
    majority = validation.majority()
    is_clear = majority >= 0
    inputs = distillation.face_inputs(torch.from_numpy(validation.pictures).to(select_device()))

    def score(network: nn.Module) -> dict[str, float]:
        assert isinstance(network, FaceNetwork)
        heads = [network.both(part) for part in inputs.split(1024)]
        emotions, ferplus = (torch.cat([pair[k] for pair in heads]).argmax(dim=1).cpu().numpy() for k in range(2))
        labels = 100 * float(np.mean(emotions == validation.labels))
        votes = 100 * float(np.mean(ferplus[is_clear] == majority[is_clear])) if is_clear.any() else 0.0
        return {"score": (label_weight * labels + votes) / (label_weight + 1), "fer2013": labels, "ferplus": votes}

    return score
