"""The seeds' training: Adam or SGD, a learning rate that drops on a plateau, early stopping, the best epoch's weights.

Mien's own networks are trained by `convert.training.loop`; this loop is deliberately no better than the seeds' were.
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
    """Rows of a protocol: inputs, labels and origin."""

    inputs: tuple[Tensor, ...]
    """(n, ...) each. uint8 means pictures, which are scaled to 0..1 batch by batch."""
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
    """A protocol. `test` is not used before the epoch is selected on `validation`."""

    classes: tuple[str, ...]
    training: Part
    validation: Part
    test: Part

    def map(self, change: Callable[[Part], Part]) -> "Parts":
        """The protocol with `change` applied to each part."""
        return Parts(self.classes, change(self.training), change(self.validation), change(self.test))

    def first(self, rows: int | None) -> "Parts":
        """The first rows of each part, for a quick check."""
        return self.map(lambda part: part.first(rows))


def squared_error(logits: Tensor, labels: Tensor) -> Tensor:
    """E's loss for pictures: the mean squared error between the softmax (n, k) and the one-hot label."""
    return functional.mse_loss(torch.softmax(logits, 1), functional.one_hot(labels, logits.shape[1]).float())


@dataclass(frozen=True)
class FitPlan:
    """How an experiment is trained."""

    epochs: int
    """The maximum number of epochs."""
    batch: int = 64
    learning_rate: float = 1e-3
    loss: Loss = functional.cross_entropy
    sgd: bool = False
    """Plain stochastic gradient descent in place of Adam."""
    patience: int = 6
    """Training ends after this many epochs without a better validation loss; the learning rate halves after a third.

    The epoch with the highest validation accuracy is kept: the loss of a small network that overfits rises long before
    its predictions get worse."""
    keep_last: bool = False
    """Train to the last epoch at a constant learning rate and keep its weights, as C did."""
    half: bool = True
    """bfloat16 where the hardware has it; not for LSTMs, which do not benefit."""
    seed: int = 1

    def shortened(self, rows: int | None) -> "FitPlan":
        """A plan of two epochs when `rows` is given."""
        return self if rows is None else replace(self, epochs=min(self.epochs, 2))


def _prepare(inputs: tuple[Tensor, ...], device: torch.device) -> tuple[Tensor, ...]:
    moved = (x.to(device) for x in inputs)
    return tuple(x.float() / 255 if x.dtype == torch.uint8 else x for x in moved)


def predict_logits(network: nn.Module, part: Part, *, half: bool = True, batch: int = 128) -> Tensor:
    """Logits (n, k) float32 of every row, in order."""
    device = next(network.parameters()).device
    network.eval()
    logits = []
    with torch.inference_mode(), half_precision(device) if half else torch.autocast(device.type, enabled=False):
        for begin in range(0, len(part), batch):
            rows = slice(begin, begin + batch)
            logits.append(network(*_prepare(tuple(x[rows] for x in part.inputs), device)).float().cpu())
    return torch.cat(logits)


def predict(logits: Tensor, part: Part, classes: tuple[str, ...]) -> Predictions:
    """The predictions for `part`."""
    return Predictions(classes, logits.numpy(), part.labels.numpy(), part.names, part.groups, part.corpora)


def fit(network: nn.Module, training: Part, validation: Part, plan: FitPlan, name: str = "") -> list[Epoch]:
    """Train `network` in place and leave the best epoch's weights in it; returns one line per epoch.

    The same seed gives the same network on the same machine. A batch of one row is skipped: batch normalization needs
    more.
    """
    torch.manual_seed(plan.seed)
    device = select_device()
    network.to(device=device, memory_format=torch.channels_last)
    optimizer = (torch.optim.SGD if plan.sgd else torch.optim.Adam)(network.parameters(), plan.learning_rate)
    plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=max(plan.patience // 3, 1))
    log: list[Epoch] = []
    lowest_loss, stale_epochs = float("inf"), 0
    highest, best_weights = -1.0, copy.deepcopy(network.state_dict())
    for epoch in range(1, plan.epochs + 1):
        started, total, correct, count = time.process_time(), 0.0, 0, 0
        network.train()
        order = torch.randperm(len(training))
        for chosen in order.split(plan.batch):
            if len(chosen) < 2:
                continue
            inputs = _prepare(tuple(x[chosen] for x in training.inputs), device)
            labels = training.labels[chosen].to(device)
            optimizer.zero_grad(set_to_none=True)
            with half_precision(device) if plan.half else torch.autocast(device.type, enabled=False):
                logits = network(*inputs)
            loss = plan.loss(logits.float(), labels)
            loss.backward()
            optimizer.step()
            total += float(loss.detach()) * len(chosen)
            correct += int((logits.argmax(1) == labels).sum())
            count += len(chosen)
        logits = predict_logits(network, validation, half=plan.half)
        validation_loss = float(plan.loss(logits, validation.labels))
        line = {
            "epoch": epoch,
            "loss": total / max(count, 1),
            "accuracy": 100 * correct / max(count, 1),
            "validation_loss": validation_loss,
            "validation_accuracy": 100 * float((logits.argmax(1) == validation.labels).float().mean()),
            "cpu_s": time.process_time() - started,
        }
        log.append({key: round(value, 4) for key, value in line.items()})
        print(f"{name} {epoch}/{plan.epochs}", log[-1], flush=True)
        if not plan.keep_last:
            plateau.step(validation_loss)
        if line["validation_accuracy"] > highest or plan.keep_last:
            highest, best_weights = line["validation_accuracy"], copy.deepcopy(network.state_dict())
        stale_epochs = 0 if validation_loss < lowest_loss else stale_epochs + 1
        lowest_loss = min(lowest_loss, validation_loss)
        if stale_epochs >= plan.patience and not plan.keep_last:
            break
    network.load_state_dict(best_weights)
    return log
