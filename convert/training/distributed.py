"""Training on several processes, as torchrun starts them: each computes its share of every batch."""

import os

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel


class Ranks:
    """This process's rank in a training run; the only one unless torchrun started it."""

    def __init__(self) -> None:
        """Join the process group: NCCL with CUDA, otherwise gloo on the CPU."""
        self.count = int(os.environ.get("WORLD_SIZE", "1"))
        self.rank = int(os.environ.get("RANK", "0"))
        if torch.cuda.is_available():
            torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
        if self.count > 1 and not distributed.is_initialized():
            distributed.init_process_group("nccl" if torch.cuda.is_available() else "gloo")

    @property
    def is_first(self) -> bool:
        """Whether this process writes the run folder."""
        return self.rank == 0

    def split(self, batch: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """This rank's share: every `count`-th row. All ranks draw the same batch and split it."""
        return batch if self.count == 1 else tuple(rows[self.rank :: self.count] for rows in batch)

    def parallelize(self, module: nn.Module) -> nn.Module:
        """`module` with the first rank's weights, and with gradients that are averaged over all ranks.

        Each rank keeps the running statistics of its own batches; the first rank's are saved.
        """
        return module if self.count == 1 else DistributedDataParallel(module, broadcast_buffers=False)

    def wait(self) -> None:
        """Wait until all ranks are here."""
        if self.count > 1:
            distributed.barrier()
