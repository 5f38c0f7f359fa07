"""Several processes at one training, as torchrun starts them: each takes its part of every batch."""

import os

import torch
from torch import Tensor, distributed, nn


class Ranks:
    """This process among those of one training; alone when torchrun did not start it."""

    def __init__(self) -> None:
        """Joins the others: by NCCL where there is CUDA, else by gloo on the CPU."""
        self.count = int(os.environ.get("WORLD_SIZE", "1"))
        self.own = int(os.environ.get("RANK", "0"))
        if torch.cuda.is_available():
            torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
        if self.count > 1 and not distributed.is_initialized():
            distributed.init_process_group("nccl" if torch.cuda.is_available() else "gloo")

    @property
    def first(self) -> bool:
        """Whether it is this one that writes the run folder."""
        return self.own == 0

    def part(self, batch: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Every so manieth row of a batch: all ranks draw the same batch, and none does another's work."""
        return batch if self.count == 1 else tuple(rows[self.own :: self.count] for rows in batch)

    def alike(self, network: nn.Module) -> None:
        """The first one's weights for everybody."""
        if self.count > 1:
            for values in [*network.parameters(), *network.buffers()]:
                distributed.broadcast(values.detach(), src=0)

    def average_gradients(self, network: nn.Module) -> None:
        """After it, every rank steps the same way: as one process would with the whole batch."""
        if self.count > 1:
            for values in network.parameters():
                if values.grad is not None:
                    distributed.all_reduce(values.grad)
                    values.grad /= self.count

    def wait(self) -> None:
        """Until all are here."""
        if self.count > 1:
            distributed.barrier()
