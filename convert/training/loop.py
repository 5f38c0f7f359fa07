"""The training loop of every recipe: seeded, resumable, one run folder with all that repeats it (`run_folder`)."""

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
from device.errors import ModelError

Batch = tuple[Tensor, ...]
_TELL_S = 20.0
"""A line of progress so often within an epoch."""
_KEEP_S = 20.0
"""What is there to resume is so old at most, or an epoch if that is longer: a short epoch is trained faster than its
state is written."""

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX = -1, -2, -4
"""Of malloc.h."""


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
    calm_from: float = 0.7
    """From this share of the epochs on, faces are changed a third as often: the end is learnt on what is met."""
    start: str = ""
    """The SHA-256 of the .tflite to go on from, where there is one."""
    teacher: str = ""
    """The SHA-256 of the networks whose answers are learnt beside the labels, where there are any."""
    taught: float = 0.7
    """Share of these answers in what is learnt."""
    hard: float = 0.5
    """Of the rest, share of a face's published label; what remains is what the ten votes make likely."""
    labels: float = 1.0
    """The weight of FER2013's labels beside FER+'s votes in the loss; at 0 a network reads FER+ alone."""
    sharp: float = 1.0
    """The power that the shares of FER+'s votes are raised to: the more, the more the majority is learnt alone."""
    rows: int = 0
    """Only so many rows, for a quick check; 0: all."""


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
    keep_last: bool = False
    """`best.pt` is what the last epoch leaves, whatever its score."""


def device_here() -> torch.device:
    """CUDA when there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def keep_freed_memory() -> None:
    """Have what PyTorch frees at hand for what it takes next; without an effect where the C library is not glibc.

    On a CPU every batch takes and frees gigabytes. By default glibc gives each large piece back to the system, and
    every page of the next one is fetched, and cleared, anew: a sixth of the time that a face network trains. The
    process keeps as much memory as it ever needed until it ends.
    """
    if platform.libc_ver()[0] == "glibc":
        mallopt = ctypes.CDLL(None).mallopt
        for option, value in ((_M_MMAP_MAX, 0), (_M_TRIM_THRESHOLD, 2**31 - 1), (_M_TOP_PAD, 2**29)):
            mallopt(option, value)


def half_precision(device: torch.device) -> torch.autocast:
    """bfloat16 for the convolutions where the hardware has it (CUDA, AVX-512 BF16), else a context of no effect."""
    able = device.type == "cuda" or torch.cpu.get_capabilities().get("avx512_bf16", False)
    return torch.autocast(device.type, torch.bfloat16, enabled=able)


def train(task: Task, plan: Plan, folder: Path) -> float:
    """Train `task` by `plan` in `folder`, going on where an interrupted run stopped; returns the best score.

    Every epoch draws from the seed and its own number, so a run that was cut off ends as one that was not. Under
    torchrun every process takes its part of each batch, and the first one writes. Raises SettingsError when what is
    in `folder` was begun with another plan or other rows, ModelError when it is damaged.
    """
    if plan.threads:
        torch.set_num_threads(plan.threads)
    ranks, device = Ranks(), device_here()
    torch.backends.cudnn.benchmark = True
    if ranks.first:
        checkpoints.begun(task.name, asdict(plan), task.batches_an_epoch, folder)
    ranks.wait()  # the folder is there for all
    learner = _Learner(task, plan, device)
    ranks.alike(learner.network)
    begin, best, kept = 0, float("-inf"), float("-inf")
    if (folder / "last.pt").exists():
        begin, best = learner.go_on(folder / "last.pt")
    if ranks.first:
        checkpoints.forget_after(begin, folder)
    for epoch in range(begin, plan.epochs):
        started = time.monotonic()
        where = f"{task.name} {epoch + 1}/{plan.epochs}"
        loss = learner.learn(epoch, ranks, where)
        ranks.wait()
        if not ranks.first:
            continue
        averaged = learner.average.eval().module
        with torch.inference_mode():
            figures = task.score(averaged)
        line = {"epoch": epoch + 1, "loss": loss, **figures, "seconds": time.monotonic() - started}
        line = {k: round(v, 4) for k, v in line.items()}
        checkpoints.log(line, folder)
        print(where, line, flush=True)
        if task.keep_last or figures["score"] > best:
            best = figures["score"]
            checkpoints.write(averaged.state_dict(), folder / "best.pt")
        if epoch + 1 == plan.epochs or time.monotonic() - kept > _KEEP_S:
            state = {name: part.state_dict() for name, part in learner.parts.items()}
            checkpoints.write({**state, "epochs_done": epoch + 1, "best": best}, folder / "last.pt")
            kept = time.monotonic()
    return best


class _Learner:
    """The network and all that has a state while it learns."""

    def __init__(self, task: Task, plan: Plan, device: torch.device) -> None:
        self._task, self._plan, self._device = task, plan, device
        self.network = task.network.to(device=device, memory_format=torch.channels_last)
        # Each step keeps 0.5 % of the new weights: the average is calmer than any single step and costs nothing later.
        self.average = AveragedModel(self.network, multi_avg_fn=get_ema_multi_avg_fn(0.995), use_buffers=True)
        self._optimizer = torch.optim.SGD(
            self.network.parameters(), plan.learning_rate, momentum=0.9, nesterov=True, weight_decay=plan.weight_decay
        )
        self._schedule = torch.optim.lr_scheduler.OneCycleLR(
            self._optimizer, plan.learning_rate, total_steps=plan.epochs * task.batches_an_epoch, pct_start=0.15
        )
        self.parts = {
            "network": self.network,
            "average": self.average,
            "optimizer": self._optimizer,
            "schedule": self._schedule,
        }

    def go_on(self, path: Path) -> tuple[int, float]:
        """Take over the state at `path`; how many epochs it has learnt, and its best score."""
        state = checkpoints.loaded(path, self._device)
        try:
            for name, part in self.parts.items():
                part.load_state_dict(state[name])
            return state["epochs_done"], state["best"]
        except (RuntimeError, ValueError, KeyError) as error:
            raise ModelError(f"{path}: is of another network; name another folder with --out") from error

    def learn(self, epoch: int, ranks: Ranks, where: str) -> float:
        """One epoch; its mean loss. `where` heads the lines of progress."""
        torch.manual_seed(1000 * self._plan.seed + epoch)
        self.network.train()
        started = told = time.monotonic()
        total, count = torch.zeros((), device=self._device), 0
        for batch in self._task.batches(epoch):
            self._optimizer.zero_grad(set_to_none=True)
            with half_precision(self._device):
                loss = self._task.loss(self.network, tuple(rows.to(self._device) for rows in ranks.part(batch)))
            loss.backward()
            ranks.average_gradients(self.network)
            nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
            self._optimizer.step()
            self._schedule.step()
            self.average.update_parameters(self.network)
            total, count = total + loss.detach(), count + 1  # no number yet: nobody waits for the GPU
            if ranks.first and time.monotonic() - told > _TELL_S:
                told = time.monotonic()
                _tell(where, count / self._task.batches_an_epoch, told - started)
        return float(total) / max(count, 1)


def _tell(where: str, share: float, spent_s: float) -> None:
    print(f"{where}: {100 * share:.0f} % of the epoch, {spent_s * (1 / share - 1):.0f} s left of it", flush=True)
