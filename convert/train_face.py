"""The task of training Mien's face network on FER2013's labels and FER+'s votes together."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from convert.augment_faces import augment
from convert.corpora.fer2013 import Faces, Fer2013
from convert.recipes.mien_face import MienFace
from convert.training import Batch, Plan, Task
from device.sense.prepare import face_input

PLAN = Plan(epochs=22, batch=128, learning_rate=0.1, weight_decay=5e-4)


def _inputs(pictures: Iterable[npt.NDArray[np.uint8]]) -> Tensor:
    """(n, 48, 48) uint8 -> (n, 1, 48, 48) float32, by the device's own preparation."""
    stacked = np.concatenate([face_input(picture) for picture in pictures])
    return torch.from_numpy(stacked).permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)


def face_task(data: Path, plan: Plan = PLAN, rows: int | None = None) -> Task:
    """The task on the corpus in `data`/fer2013; `rows` takes only so many, for a quick check of the whole way."""
    corpus = Fer2013(data / "fer2013")
    training, validation = corpus.training(), corpus.validation()
    if rows is not None:
        training, validation = _first(training, rows), _first(validation, rows)

    def batches(epoch: int) -> Iterator[Batch]:
        rng = np.random.default_rng((plan.seed, epoch))
        order = rng.permutation(len(training))
        for start in range(0, len(order) - plan.batch + 1, plan.batch):
            take = order[start : start + plan.batch]
            pictures = [augment(training.pictures[i], rng) for i in take]
            yield _inputs(pictures), torch.from_numpy(training.labels[take]), torch.from_numpy(training.votes[take])

    def loss(network: nn.Module, batch: Batch) -> Tensor:
        pictures, labels, votes = batch
        assert isinstance(network, MienFace)
        emotions, ferplus = network.both(pictures)
        # Rows without a single vote for an emotion weigh nothing in FER+'s part.
        against_votes = -(votes * functional.log_softmax(ferplus, dim=1)).sum(dim=1).mean()
        return functional.cross_entropy(emotions, labels, label_smoothing=0.1) + against_votes

    def score(network: nn.Module) -> dict[str, float]:
        device = next(network.parameters()).device
        right = 0
        for start in range(0, len(validation), 256):
            logits = network(_inputs(validation.pictures[start : start + 256]).to(device))
            right += int((logits.argmax(1).cpu().numpy() == validation.labels[start : start + 256]).sum())
        return {"score": 100 * right / len(validation)}

    return Task("face", MienFace(), batches, max(len(training) // plan.batch, 1), loss, score)


def _first(faces: Faces, rows: int) -> Faces:
    return Faces(faces.pictures[:rows], faces.labels[:rows], faces.votes[:rows])
