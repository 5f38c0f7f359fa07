"""The training loop of every network: seeded, resumable, with one run folder that repeats it (`checkpoints`)."""

import ctypes
import platform
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from convert.training import checkpoints
from convert.training.distributed import Ranks
from convert.training.plan import Plan
from device.errors import ModelError

Batch = tuple[Tensor, ...]
_PROGRESS_INTERVAL_S = 20.0
_SAVE_INTERVAL_S = 20.0
"""last.pt is at most this old, or one epoch old if an epoch takes longer. Saving takes longer than a short epoch."""

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX = -1, -2, -4
"""From malloc.h."""


@dataclass(frozen=True)
class Task:
    """What a network brings to the loop: itself, the batches of an epoch, its loss and its validation score."""

    name: str
    network: nn.Module
    batches: Callable[[int], Iterator[Batch]]
    """Epoch number -> batches; the same number gives the same batches."""
    batches_per_epoch: int
    loss: Callable[[nn.Module, Batch], Tensor]
    score: Callable[[nn.Module], dict[str, float]]
    """Validation: at least {"score": higher is better}."""
    keep_last: bool = False
    """Save the last epoch as `best.pt`, whatever its score."""


def select_device() -> torch.device:
    """CUDA if available, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def keep_freed_memory() -> None:
    """Make glibc keep freed memory for reuse; does nothing with another C library.

    On a CPU every batch allocates and frees gigabytes. By default glibc returns each large block to the system, and
    every page of the next one has to be mapped and cleared again: a sixth of a face network's training time. The
    process then keeps its peak memory until it ends.
    """
    if platform.libc_ver()[0] == "glibc":
        mallopt = ctypes.CDLL(None).mallopt
        for option, value in ((_M_MMAP_MAX, 0), (_M_TRIM_THRESHOLD, 2**31 - 1), (_M_TOP_PAD, 2**29)):
            mallopt(option, value)


def half_precision(device: torch.device) -> torch.autocast:
    """Autocast to bfloat16 where the hardware has it (CUDA, AVX-512 BF16); otherwise a context without effect."""
    is_supported = device.type == "cuda" or torch.cpu.get_capabilities().get("avx512_bf16", False)
    return torch.autocast(device.type, torch.bfloat16, enabled=is_supported)


def train(task: Task, plan: Plan, folder: Path) -> float:
    """Train `task` by `plan` in `folder`, resuming an interrupted run; returns the best score.

    Every epoch draws from the seed and its own number, so a run that was interrupted ends like one that was not. Under
    torchrun every process trains on its share of each batch, and the first one writes. Raises SettingsError when the
    run in `folder` was started with another plan or other rows, ModelError when it is damaged.
    """
    if plan.threads:
        torch.set_num_threads(plan.threads)
    ranks, device = Ranks(), select_device()
    torch.backends.cudnn.benchmark = True
    if ranks.is_first:
        checkpoints.write_record(task.name, asdict(plan), task.batches_per_epoch, folder)
    ranks.wait()  # until the folder exists
    trainer = _Trainer(task, plan, device, ranks)
    first_epoch, best, saved_at = 0, float("-inf"), float("-inf")
    if (folder / "last.pt").exists():
        first_epoch, best = trainer.resume(folder / "last.pt")
    if ranks.is_first:
        checkpoints.truncate_log(first_epoch, folder)
    for epoch in range(first_epoch, plan.epochs):
        started = time.monotonic()
        title = f"{task.name} {epoch + 1}/{plan.epochs}"
        loss = trainer.train_epoch(epoch, title)
        ranks.wait()
        if not ranks.is_first:
            continue
        averaged = trainer.average.eval().module
        with torch.inference_mode():
            figures = task.score(averaged)
        line = {"epoch": epoch + 1, "loss": loss, **figures, "seconds": time.monotonic() - started}
        line = {k: round(v, 4) for k, v in line.items()}
        checkpoints.append_log(line, folder)
        print(title, line, flush=True)
        if task.keep_last or figures["score"] > best:
            best = figures["score"]
            checkpoints.save(averaged.state_dict(), folder / "best.pt")
        if epoch + 1 == plan.epochs or time.monotonic() - saved_at > _SAVE_INTERVAL_S:
            state = {name: part.state_dict() for name, part in trainer.parts.items()}
            checkpoints.save({**state, "epochs_done": epoch + 1, "best": best}, folder / "last.pt")
            saved_at = time.monotonic()
    return best


class _Loss(nn.Module):
    """A task's loss as a module: DistributedDataParallel averages the gradients of what runs in its forward pass."""

    def __init__(self, task: Task) -> None:
        super().__init__()
        self._network, self._loss = task.network, task.loss

    def forward(self, *batch: Tensor) -> Tensor:
        return self._loss(self._network, batch)


class _Trainer:
    """The network, and everything that has a state during training."""

    def __init__(self, task: Task, plan: Plan, device: torch.device, ranks: Ranks) -> None:
        self._task, self._plan, self._device, self._ranks = task, plan, device, ranks
        network = task.network.to(device=device, memory_format=torch.channels_last)
        self._network, self._loss = network, ranks.parallelize(_Loss(task))
        # Each step adds 0.5 % of the new weights: the average varies less than the single steps, at no cost later.
        self.average = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(0.995), use_buffers=True)
        self._optimizer = torch.optim.SGD(
            network.parameters(), plan.learning_rate, momentum=0.9, nesterov=True, weight_decay=plan.weight_decay
        )
        self._schedule = torch.optim.lr_scheduler.OneCycleLR(
            self._optimizer, plan.learning_rate, total_steps=plan.epochs * task.batches_per_epoch, pct_start=0.15
        )
        self.parts = {
            "network": network,
            "average": self.average,
            "optimizer": self._optimizer,
            "schedule": self._schedule,
        }

    def resume(self, path: Path) -> tuple[int, float]:
        """Load the state at `path`; returns the number of finished epochs and the best score."""
        state = checkpoints.load(path, self._device)
        try:
            for name, part in self.parts.items():
                part.load_state_dict(state[name])
            return state["epochs_done"], state["best"]
        except (RuntimeError, ValueError, KeyError) as error:
            raise ModelError(f"{path}: belongs to another network; name another folder with --out") from error

    def train_epoch(self, epoch: int, title: str) -> float:
        """Train one epoch; returns its mean loss. `title` starts the lines of progress."""
        torch.manual_seed(1000 * self._plan.seed + epoch)
        self._network.train()
        started = printed = time.monotonic()
        total, count = torch.zeros((), device=self._device), 0
        for batch in self._task.batches(epoch):
            self._optimizer.zero_grad(set_to_none=True)
            with half_precision(self._device):
                loss = self._loss(*(rows.to(self._device) for rows in self._ranks.split(batch)))
            loss.backward()
            nn.utils.clip_grad_norm_(self._network.parameters(), 5.0)
            self._optimizer.step()
            self._schedule.step()
            self.average.update_parameters(self._network)
            total, count = total + loss.detach(), count + 1  # stays a tensor: reading it would wait for the GPU
            if self._ranks.is_first and time.monotonic() - printed > _PROGRESS_INTERVAL_S:
                printed = time.monotonic()
                share = count / self._task.batches_per_epoch
                left_s = (printed - started) * (1 / share - 1)
                print(f"{title}: {100 * share:.0f} % of the epoch, {left_s:.0f} s left", flush=True)
        return float(total) / max(count, 1)
