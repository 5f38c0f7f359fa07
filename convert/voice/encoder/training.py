"""The encoder's training loop: seeded, with a checkpoint every few minutes, and resumed after an interruption."""

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from convert.training import checkpoints

SAVE_S = 120.0
"""Time between checkpoints: the most work that an interruption can lose."""


@dataclass(frozen=True)
class DistillationPlan:
    """The length and the hyperparameters of a distillation."""

    epochs: int
    batch: int = 32
    learning_rate: float = 6e-4
    weight_decay: float = 0.01
    seed: int = 1


Step = Callable[[nn.Module, Any], dict[str, Tensor]]
"""The losses of a batch by name; "loss" is the one that is minimized."""


def train_encoder(
    name: str,
    network: nn.Module,
    plan: DistillationPlan,
    steps: int,
    batches: Callable[[int], Iterator[Any]],
    step: Step,
    score: Callable[[nn.Module], dict[str, float]],
    folder: Path,
    save_s: float = SAVE_S,
) -> nn.Module:
    """Train `network` and return the average of its last steps, also in `folder`/best.pt; in bfloat16 if the CPU can.

    `batches` returns the `steps` batches of an epoch, always the same for one number. `score` measures the average
    every five epochs. `save_s`: the time between checkpoints.
    """
    checkpoints.write_record(name, {**asdict(plan), "rows": 0, "threads": 0}, steps, folder)
    network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload,unused-ignore]
    average = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(0.998), use_buffers=True)
    optimizer = torch.optim.AdamW(_groups(network, plan.weight_decay), plan.learning_rate, betas=(0.9, 0.98))
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, plan.learning_rate, total_steps=plan.epochs * steps, pct_start=0.1, final_div_factor=100
    )
    parts: dict[str, Any] = {"network": network, "average": average, "optimizer": optimizer, "schedule": schedule}
    first, last = 0, folder / "last.pt"
    if last.exists():
        state = checkpoints.load(last, torch.device("cpu"))
        for key, part in parts.items():
            part.load_state_dict(state[key])
        first = state["epochs_done"]
        checkpoints.truncate_log(first, folder)
    saved_at = time.monotonic()
    for epoch in range(first + 1, plan.epochs + 1):
        torch.manual_seed(1000 * plan.seed + epoch)
        started, totals, count = time.monotonic(), dict[str, float](), 0
        network.train()
        for batch in batches(epoch):
            with torch.autocast("cpu", torch.bfloat16):
                losses = step(network, batch)
            optimizer.zero_grad(set_to_none=True)
            losses["loss"].backward()
            nn.utils.clip_grad_norm_(network.parameters(), 2.0)
            optimizer.step()
            schedule.step()
            average.update_parameters(network)
            for key, value in losses.items():
                totals[key] = totals.get(key, 0.0) + float(value.detach())
            count += 1
        line = {"epoch": float(epoch), **{key: round(total / count, 4) for key, total in totals.items()}}
        if epoch == plan.epochs or epoch % 5 == 0:
            line |= score(average.module.eval())
        line["seconds"] = round(time.monotonic() - started, 1)
        checkpoints.append_log(line, folder)
        print(f"{name}: {line}", flush=True)
        if epoch == plan.epochs or time.monotonic() - saved_at > save_s:
            checkpoints.save({**{k: p.state_dict() for k, p in parts.items()}, "epochs_done": epoch}, last)
            saved_at = time.monotonic()
    averaged: nn.Module = average.module.eval()
    checkpoints.save(averaged.state_dict(), folder / "best.pt")
    return averaged


def _groups(network: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Parameter groups: no weight decay on norms and biases."""
    heavy = [p for p in network.parameters() if p.ndim > 1]
    light = [p for p in network.parameters() if p.ndim <= 1]
    return [{"params": heavy, "weight_decay": weight_decay}, {"params": light, "weight_decay": 0.0}]
