"""The task of training Mien's face network on FER2013's labels and FER+'s votes together."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from convert.datasets.fer2013 import Faces, Fer2013
from convert.face.distillation import FaceNetwork, decode_drawing, draw, face_inputs, fill, lessons, teacher_strength
from convert.networks.face import TEACHER, MienFace
from convert.networks.mobile_face import MobileFace
from convert.training.loop import Batch, Plan, Task, device_here
from device.emotions import EMOTIONS
from device.errors import SettingsError

PLAN = Plan(epochs=119, batch=256, learning_rate=0.15, weight_decay=3e-4)
TEACHER_PLAN = Plan(epochs=54, batch=256, learning_rate=0.1, weight_decay=5e-4)
TEACHERS = tuple(f"face-teacher-{number}" for number in range(1, 6))
"""Alike but for their seeds: what they are wrong about differs, and together they are right more often."""
PRETRAINED = "face-teacher-pretrained"
"""Another one, which knew people before it learnt their emotions: `--start faceres.json`."""
PRETRAINED_PLAN = Plan(epochs=12, batch=128, learning_rate=0.04, weight_decay=3e-4, calm_from=0.5)


def label_given_votes(faces: Faces) -> Tensor:
    """(n, 7): how likely each FER2013 label is, given the ten people's votes alone; a logistic regression on `faces`.

    One person chose FER2013's label, ten voted for FER+: what the ten saw tells a part of that label's noise.
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


def sharpened(votes: Tensor, power: float) -> Tensor:
    """Shares (n, 8) raised to `power`, each row summing to what it summed to: 1, or 0 where there is no vote."""
    raised = votes**power
    return raised / raised.sum(dim=1, keepdim=True).clamp(min=torch.finfo(raised.dtype).tiny)


def face_task(
    data: Path,
    plan: Plan = PLAN,
    rows: int | None = None,
    *,
    name: str = "face",
    as_published: bool = False,
    start: Path | None = None,
    teachers: Sequence[Path] = (),
    ferplus_teachers: Sequence[Path] = (),
    kept: Path = Path("runs"),
) -> Task:
    """The task on the corpus in `data`/fer2013; one of TEACHERS, or PRETRAINED, by its `name`, is a larger network.

    `rows` takes only so many, for a quick check of the whole way; `as_published` all Training rows, copies of test
    pictures among them; `start` is what `lessons.fill` takes, to go on from; `teachers` are run folders or .tflite of
    networks of whatever size, which must not have seen more than `training` shows, and so are `ferplus_teachers`, who
    tell FER+'s part in place of these; what they say is kept in `kept`. Raises SettingsError where `plan` weighs votes
    or labels by what is no weight, and where only FER+ has teachers.
    """
    if ferplus_teachers and not teachers:
        raise SettingsError("train: --ferplus-teachers need --teachers beside them, to tell FER2013's part: name both")
    if plan.sharp <= 0 or plan.labels < 0:
        raise SettingsError(f"train: --sharp must be over 0 and --labels 0 or more, not {plan.sharp} and {plan.labels}")
    corpus = Fer2013(data / "fer2013")
    training, validation = corpus.training(as_published=as_published), corpus.validation()
    if rows is not None:
        training, validation = training.first(rows), validation.first(rows)
    device = device_here()
    hard = functional.one_hot(torch.from_numpy(training.labels), len(EMOTIONS)).float()
    votes = sharpened(torch.from_numpy(training.votes), plan.sharp)
    # Rows without a single vote for an emotion weigh nothing in FER+'s part.
    voted = votes.sum(dim=1, keepdim=True).to(device)
    targets = torch.cat([plan.hard * hard + (1 - plan.hard) * label_given_votes(training), votes], dim=1).to(device)
    pictures = torch.from_numpy(training.pictures).to(device)
    share = plan.taught if plan.teacher else 0.0
    said = None
    if plan.teacher:
        numbers = [decode_drawing(epoch, plan.epochs, plan.calm_from) for epoch in range(plan.epochs)]
        said = lessons(teachers, pictures, plan.seed, kept / f"{name}-lessons.pt", ferplus_teachers, numbers)

    def batches(epoch: int) -> Iterator[Batch]:
        number = decode_drawing(epoch, plan.epochs, plan.calm_from)
        if said is None:
            drawing = draw(pictures, (plan.seed, epoch), teacher_strength(number))
            wanted = drawing.mixed(targets)
        else:
            drawing = draw(pictures, (plan.seed, number), teacher_strength(number))
            wanted = (1 - share) * drawing.mixed(targets) + share * _weighed(said[number].to(device).float(), voted)
        chance = torch.Generator().manual_seed(1_000_003 * plan.seed + 500_000 + epoch)
        order = torch.randperm(len(pictures), generator=chance).to(device)
        mirrored = (torch.rand(len(pictures), 1, 1, 1, generator=chance) < 0.5).to(device)
        inputs = torch.where(mirrored, drawing.inputs.flip(3), drawing.inputs)
        for take in order.split(plan.batch)[: _steps(len(pictures), plan.batch)]:
            yield inputs[take].contiguous(memory_format=torch.channels_last), wanted[take]

    def loss(network: nn.Module, batch: Batch) -> Tensor:
        seen, wanted = batch
        assert isinstance(network, FaceNetwork)
        emotions, ferplus = network.both(seen)
        against_votes = -(wanted[:, len(EMOTIONS) :] * functional.log_softmax(ferplus.float(), dim=1)).sum(dim=1)
        against_labels = functional.cross_entropy(emotions.float(), wanted[:, : len(EMOTIONS)])
        return plan.labels * against_labels + against_votes.mean()

    torch.manual_seed(plan.seed)
    network = _network(name, taught=said is not None)
    if start is not None:
        fill(network, start, torch.from_numpy(training.pictures))
    return Task(name, network, batches, _steps(len(training), plan.batch), loss, _scorer(validation, plan.labels))


def _network(name: str, *, taught: bool) -> FaceNetwork:
    if name == PRETRAINED:
        return MobileFace()
    if name in TEACHERS:
        return MienFace(TEACHER, dropout=0.4)
    # Who is taught has too much to learn for its size to learn it by heart.
    return MienFace(dropout=0.0 if taught else 0.1)


def _steps(rows: int, batch: int) -> int:
    """A last batch of a few rows would lead its normalizations astray: it is left out."""
    return max(rows // batch, 1)


def _weighed(said: Tensor, voted: Tensor) -> Tensor:
    """The teachers' (n, 7 + 8), FER+'s part as heavy as the row's own votes are."""
    return torch.cat([said[:, : len(EMOTIONS)], voted * said[:, len(EMOTIONS) :]], dim=1)


def _scorer(validation: Faces, learnt: float) -> Callable[[nn.Module], dict[str, float]]:
    """Accuracy on `validation` by FER2013's labels, and by FER+'s majority where there is one.

    The score is the mean of the two, the former `learnt` times as heavy, as it is in what is learnt.
    """
    majority = validation.majority()
    clear = majority >= 0
    inputs = face_inputs(torch.from_numpy(validation.pictures).to(device_here()))

    def score(network: nn.Module) -> dict[str, float]:
        assert isinstance(network, FaceNetwork)
        said = [network.both(part) for part in inputs.split(1024)]
        emotions, ferplus = (torch.cat([pair[k] for pair in said]).argmax(dim=1).cpu().numpy() for k in range(2))
        labels = 100 * float(np.mean(emotions == validation.labels))
        votes = 100 * float(np.mean(ferplus[clear] == majority[clear])) if clear.any() else 0.0
        return {"score": (learnt * labels + votes) / (learnt + 1), "fer2013": labels, "ferplus": votes}

    return score
