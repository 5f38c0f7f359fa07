"""The seeds' way of training: Adam or SGD, the learning rate reduced on a plateau, early stopping, the best epoch kept.

Mien's own networks are trained by `convert.training.loop`; this loop is only as good as the seeds' was.
"""

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn import functional

from convert.evaluation.predictions import Predictions, Strings
from convert.training.loop import half_precision, select_device

Loss = Callable[[Tensor, Tensor], Tensor]
Epoch = dict[str, float]


@dataclass(frozen=True)
class Part:
    """Rows of a protocol: what the network is fed, what is true of it, and where it comes from."""

    inputs: tuple[Tensor, ...]
    """(n, ...) each. uint8 is pictures, and is brought to 0..1 a batch at a time."""
    labels: Tensor
    """(n,) int64."""
    names: Strings
    groups: Strings
    """(n,) the speaker, or empty."""
    corpora: Strings

    def __len__(self) -> int:
        return len(self.labels)

    def rows(self, chosen: Tensor) -> "Part":
        """The chosen rows, (k,) int64 or (n,) bool."""
        at = chosen.numpy()
        inputs = tuple(x[chosen] for x in self.inputs)
        return Part(inputs, self.labels[chosen], self.names[at], self.groups[at], self.corpora[at])

    def first(self, rows: int | None) -> "Part":
        """The first rows, or all."""
        return self if rows is None else self.rows(torch.arange(min(rows, len(self))))


@dataclass(frozen=True)
class Parts:
    """A protocol: nothing of `test` is looked at before the epoch is chosen on `validation`."""

    classes: tuple[str, ...]
    training: Part
    validation: Part
    test: Part

    def first(self, rows: int | None) -> "Parts":
        """The first rows of each part, for a quick check of the whole way."""
        return replace(
            self,
            training=self.training.first(rows),
            validation=self.validation.first(rows),
            test=self.test.first(rows),
        )


def squared_error(logits: Tensor, labels: Tensor) -> Tensor:
    """E's loss for pictures: the mean square between the softmax (n, k) and the label as 0 and 1."""
    return functional.mse_loss(torch.softmax(logits, 1), functional.one_hot(labels, logits.shape[1]).float())


@dataclass(frozen=True)
class FitPlan:
    """How a recipe is trained."""

    epochs: int
    """At most."""
    batch: int = 64
    learning_rate: float = 1e-3
    loss: Loss = functional.cross_entropy
    sgd: bool = False
    """Plain stochastic gradient descent in place of Adam."""
    patience: int = 6
    """Epochs without a better validation loss, after which training ends; the learning rate halves after a third.

    Of all epochs the one that read most of the validation rows is kept: the loss of a small network that learns by
    heart rises long before its answers get worse."""
    keep_last: bool = False
    """Go on to the last epoch at one learning rate and keep its weights, whatever the validation says: as C did."""
    half: bool = True
    """bfloat16 where the hardware has it; not for LSTMs, which gain nothing by it."""
    seed: int = 1

    def shortened(self, rows: int | None) -> "FitPlan":
        """Two epochs, when only so many rows are asked for."""
        return self if rows is None else replace(self, epochs=min(self.epochs, 2))


def _ready(inputs: tuple[Tensor, ...], device: torch.device) -> tuple[Tensor, ...]:
    moved = (x.to(device) for x in inputs)
    return tuple(x.float() / 255 if x.dtype == torch.uint8 else x for x in moved)


def predict_logits(network: nn.Module, part: Part, *, half: bool = True, batch: int = 128) -> Tensor:
    """(n, k) float32 of every row, in order."""
    device = next(network.parameters()).device
    network.eval()
    said = []
    with torch.inference_mode(), half_precision(device) if half else torch.autocast(device.type, enabled=False):
        for begin in range(0, len(part), batch):
            rows = slice(begin, begin + batch)
            said.append(network(*_ready(tuple(x[rows] for x in part.inputs), device)).float().cpu())
    return torch.cat(said)


def predict(logits: Tensor, part: Part, classes: tuple[str, ...]) -> Predictions:
    """What was said of `part`, to be kept."""
    return Predictions(classes, logits.numpy(), part.labels.numpy(), part.names, part.groups, part.corpora)


def fit(network: nn.Module, training: Part, validation: Part, plan: FitPlan, name: str = "") -> list[Epoch]:
    """Train `network` in place and leave the best epoch's weights in it; returns one line an epoch.

    The same seed gives the same network on the same machine. A batch of one row is left out: batch normalization
    has nothing to normalize by.
    """
    torch.manual_seed(plan.seed)
    device = select_device()
    network.to(device=device, memory_format=torch.channels_last)
    if plan.sgd:
        optimizer: torch.optim.Optimizer = torch.optim.SGD(network.parameters(), plan.learning_rate)
    else:
        optimizer = torch.optim.Adam(network.parameters(), plan.learning_rate)
    plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=max(plan.patience // 3, 1))
    log: list[Epoch] = []
    least, since = float("inf"), 0
    most, best_weights = -1.0, copy.deepcopy(network.state_dict())
    for epoch in range(1, plan.epochs + 1):
        started, total, right, count = time.process_time(), 0.0, 0, 0
        network.train()
        order = torch.randperm(len(training))
        for chosen in order.split(plan.batch):
            if len(chosen) < 2:
                continue
            inputs = _ready(tuple(x[chosen] for x in training.inputs), device)
            labels = training.labels[chosen].to(device)
            optimizer.zero_grad(set_to_none=True)
            with half_precision(device) if plan.half else torch.autocast(device.type, enabled=False):
                logits = network(*inputs)
            loss = plan.loss(logits.float(), labels)
            loss.backward()
            optimizer.step()
            total += float(loss.detach()) * len(chosen)
            right += int((logits.argmax(1) == labels).sum())
            count += len(chosen)
        said = predict_logits(network, validation, half=plan.half)
        against = float(plan.loss(said, validation.labels))
        line = {
            "epoch": epoch,
            "loss": total / max(count, 1),
            "accuracy": 100 * right / max(count, 1),
            "validation_loss": against,
            "validation_accuracy": 100 * float((said.argmax(1) == validation.labels).float().mean()),
            "cpu_s": time.process_time() - started,
        }
        log.append({key: round(value, 4) for key, value in line.items()})
        print(f"{name} {epoch}/{plan.epochs}", log[-1], flush=True)
        if not plan.keep_last:
            plateau.step(against)
        if line["validation_accuracy"] > most or plan.keep_last:
            most, best_weights = line["validation_accuracy"], copy.deepcopy(network.state_dict())
        least, since = (against, 0) if against < least else (least, since + 1)
        if since >= plan.patience and not plan.keep_last:
            break
    network.load_state_dict(best_weights)
    return log
