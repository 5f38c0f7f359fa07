"""The task of training Mien's face network on FER2013's labels and FER+'s votes together."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from convert.corpora.fer2013 import Faces, Fer2013
from convert.faces.augment import augment
from convert.faces.thaw import thaw
from convert.recipes.mien_face import MienFace
from convert.training import Batch, Plan, Task
from device.emotions import EMOTIONS
from device.sense.prepare import face_input
from device.sense.tflite import Network

PLAN = Plan(epochs=100, batch=128, learning_rate=0.1, weight_decay=3e-4)
AS_PUBLISHED_PLAN = Plan(epochs=22, batch=128, learning_rate=0.04, weight_decay=3e-4, calm_from=0.0)
_HARD = 0.5
"""Share of the published label in what is learnt; the rest is what the ten votes make likely."""
_TAUGHT = 0.5
"""Share of what a teacher says, where there is one: a network taught by its like is the better one (Furlanello et al.
2018, "Born-again neural networks")."""


def _inputs(pictures: Iterable[npt.NDArray[np.uint8]]) -> Tensor:
    """(n, 48, 48) uint8 -> (n, 1, 48, 48) float32, by the device's own preparation."""
    stacked = np.concatenate([face_input(picture) for picture in pictures])
    return torch.from_numpy(stacked).permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)


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


def taught(teacher: Path, faces: Faces) -> tuple[Tensor, Tensor]:
    """What the committed kind of network in `teacher` sees in `faces`: (n, 7) and FER+'s (n, 8), probabilities.

    The mean of each picture and its mirror image, which is right half a point more often than either: what the device
    does not look at twice, the pupil learns once.
    """
    network = Network(teacher.read_bytes(), str(teacher))

    def seen(pictures: npt.NDArray[np.uint8]) -> tuple[Tensor, Tensor]:
        said = [network.run(face_input(picture)) for picture in pictures]
        emotions, ferplus = (torch.from_numpy(np.concatenate([row[k] for row in said])) for k in range(2))
        return torch.softmax(emotions, dim=1), torch.softmax(ferplus, dim=1)

    direct, mirrored = seen(faces.pictures), seen(faces.pictures[:, :, ::-1])
    return (direct[0] + mirrored[0]) / 2, (direct[1] + mirrored[1]) / 2


def face_task(
    data: Path,
    plan: Plan = PLAN,
    rows: int | None = None,
    *,
    name: str = "face",
    as_published: bool = False,
    start: Path | None = None,
    teacher: Path | None = None,
) -> Task:
    """The task on the corpus in `data`/fer2013.

    `rows` takes only so many, for a quick check of the whole way; `as_published` all Training rows, copies of test
    pictures among them; `start` is the run folder or the .tflite of a network to go on from; `teacher` is a face
    network's .tflite, which must not have seen more than `training` shows.
    """
    corpus = Fer2013(data / "fer2013")
    training, validation = corpus.training(as_published=as_published), corpus.validation()
    if rows is not None:
        training, validation = training.first(rows), validation.first(rows)
    hard = functional.one_hot(torch.from_numpy(training.labels), len(EMOTIONS)).float()
    soft, votes = label_given_votes(training), torch.from_numpy(training.votes)
    targets = _HARD * hard + (1 - _HARD) * soft
    if teacher is not None:
        emotions, ferplus = taught(teacher, training)
        targets = (1 - _TAUGHT) * targets + _TAUGHT * emotions
        seen = votes.sum(dim=1, keepdim=True)
        votes = (1 - _TAUGHT) * votes + _TAUGHT * seen * ferplus

    def batches(epoch: int) -> Iterator[Batch]:
        rng = np.random.default_rng((plan.seed, epoch))
        order = rng.permutation(len(training))
        strength = 1.0 if epoch < plan.calm_from * plan.epochs else 1 / 3
        for begin in range(0, len(order) - plan.batch + 1, plan.batch):
            take = order[begin : begin + plan.batch]
            yield _inputs([augment(training.pictures[i], rng, strength) for i in take]), targets[take], votes[take]

    def loss(network: nn.Module, batch: Batch) -> Tensor:
        pictures, wanted, wanted_votes = batch
        assert isinstance(network, MienFace)
        emotions, ferplus = network.both(pictures)
        # Rows without a single vote for an emotion weigh nothing in FER+'s part.
        against_votes = -(wanted_votes * functional.log_softmax(ferplus.float(), dim=1)).sum(dim=1).mean()
        return functional.cross_entropy(emotions.float(), wanted) + against_votes

    torch.manual_seed(plan.seed)
    network = MienFace()
    if start is not None and start.suffix == ".tflite":
        thaw(network, start, _inputs(training.pictures[:2048]))
    elif start is not None:
        network.load_state_dict(torch.load(start / "best.pt", map_location="cpu", weights_only=True))
    return Task(name, network, batches, max(len(training) // plan.batch, 1), loss, _scorer(validation))


def _scorer(validation: Faces) -> Callable[[nn.Module], dict[str, float]]:
    """Accuracy on `validation` by FER2013's labels, and by FER+'s majority where there is one."""
    majority = validation.majority()

    def score(network: nn.Module) -> dict[str, float]:
        device = next(network.parameters()).device
        assert isinstance(network, MienFace)
        right = right_plus = 0
        for start in range(0, len(validation), 256):
            rows = slice(start, start + 256)
            emotions, ferplus = network.both(_inputs(validation.pictures[rows]).to(device))
            right += int((emotions.argmax(1).cpu().numpy() == validation.labels[rows]).sum())
            right_plus += int((ferplus.argmax(1).cpu().numpy() == majority[rows]).sum())
        return {
            "score": 100 * right / len(validation),
            "ferplus": 100 * right_plus / max(int((majority >= 0).sum()), 1),
        }

    return score
