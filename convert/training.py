"""The training loop of every recipe: seeded, resumable after each epoch, one run folder with all that repeats it.

A run folder holds `run.json` (what was asked), `log.jsonl` (one object an epoch), `last.pt` (to resume) and
`best.pt` (the averaged weights of the best validation epoch, which `quantize` takes).
"""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

Batch = tuple[Tensor, ...]


@dataclass(frozen=True)
class Plan:
    """How long and how hard a recipe trains."""

    epochs: int
    batch: int
    learning_rate: float
    weight_decay: float
    seed: int = 1
    threads: int = 0
    """CPU threads; 0 leaves it to PyTorch."""


@dataclass(frozen=True)
class Task:
    """What a recipe brings to the loop: its network, its batches of an epoch, its loss and its validation score."""

    name: str
    network: nn.Module
    batches: Callable[[int], Iterator[Batch]]
    """Epoch number -> batches, the same for the same number."""
    batches_an_epoch: int
    loss: Callable[[nn.Module, Batch], Tensor]
    score: Callable[[nn.Module], dict[str, float]]
    """Validation: at least {"score": higher is better}."""


def device_here() -> torch.device:
    """CUDA when there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def train(task: Task, plan: Plan, folder: Path) -> float:
    """Train `task` by `plan` in `folder`, going on where an interrupted run stopped; returns the best score."""
    folder.mkdir(parents=True, exist_ok=True)
    if plan.threads:
        torch.set_num_threads(plan.threads)
    torch.manual_seed(plan.seed)
    device = device_here()
    network = task.network.to(device=device, memory_format=torch.channels_last)
    # Each step keeps 0.5 % of the new weights: the average is calmer than any single step and costs nothing later.
    average = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(0.995), use_buffers=True)
    optimizer = torch.optim.SGD(
        network.parameters(), plan.learning_rate, momentum=0.9, nesterov=True, weight_decay=plan.weight_decay
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, plan.learning_rate, total_steps=plan.epochs * task.batches_an_epoch, pct_start=0.15
    )
    begin, best = 0, float("-inf")
    parts = {"network": network, "average": average, "optimizer": optimizer, "schedule": schedule}
    if (folder / "last.pt").exists():
        state = torch.load(folder / "last.pt", map_location=device, weights_only=True)
        for name, part in parts.items():
            part.load_state_dict(state[name])
        begin, best = state["epochs_done"], state["best"]
        torch.manual_seed(plan.seed + begin)
    (folder / "run.json").write_text(json.dumps({"recipe": task.name, "plan": asdict(plan)}, indent=1) + "\n")

    for epoch in range(begin, plan.epochs):
        started, total, count = time.monotonic(), 0.0, 0
        network.train()
        for batch in task.batches(epoch):
            optimizer.zero_grad(set_to_none=True)
            loss = task.loss(network, tuple(part.to(device) for part in batch))
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 5.0)
            optimizer.step()
            schedule.step()
            average.update_parameters(network)
            total, count = total + float(loss.detach()), count + 1
        average.eval()
        with torch.inference_mode():
            figures = task.score(average.module)
        line = {"epoch": epoch + 1, "loss": total / max(count, 1), **figures, "seconds": time.monotonic() - started}
        with (folder / "log.jsonl").open("a") as log:
            log.write(json.dumps({k: round(v, 4) for k, v in line.items()}) + "\n")
        print(f"{task.name} {epoch + 1}/{plan.epochs}", {k: round(v, 4) for k, v in line.items()}, flush=True)
        if figures["score"] > best:
            best = figures["score"]
            _write(average.module.state_dict(), folder / "best.pt")
        state = {name: part.state_dict() for name, part in parts.items()}
        _write({**state, "epochs_done": epoch + 1, "best": best}, folder / "last.pt")
    return best


def _write(state: object, path: Path) -> None:
    """Whole or not at all: a run that is cut off while it saves must still resume."""
    partial = path.with_suffix(".partial")
    torch.save(state, partial)
    partial.replace(path)
