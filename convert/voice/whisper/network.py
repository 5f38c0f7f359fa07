"""Whisper's encoder (Radford et al. 2022, MIT), up to a given layer.

It was never trained on emotions, yet its lower layers reveal them, and generalize to new people and languages better
than a network trained on acted corpora alone. `convert.voice.encoder` makes a smaller network of it, which ships.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from device.perception.audio.speech_mel import BANDS


@dataclass(frozen=True)
class Shape:
    """The size of an encoder."""

    width: int
    heads: int


TINY = Shape(384, 6)


class Encoder(nn.Module):
    """The first `layers` blocks of an encoder: (n, 80, 2 t) log-mel -> one (n, t, width) for each block."""

    def __init__(self, shape: Shape, layers: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(BANDS, shape.width, 3, padding=1)
        self.conv2 = nn.Conv1d(shape.width, shape.width, 3, stride=2, padding=1)
        self.positions = nn.Parameter(torch.zeros(1500, shape.width), requires_grad=False)
        self.blocks = nn.ModuleList(Block(shape) for _ in range(layers))

    def forward(self, mel: Tensor) -> list[Tensor]:
        """The output of each block, from the first one up."""
        x = functional.gelu(self.conv2(functional.gelu(self.conv1(mel)))).transpose(1, 2)
        x = x + self.positions[: x.shape[1]]
        outputs = []
        for block in self.blocks:
            x = block(x)
            outputs.append(x)
        return outputs


class Block(nn.Module):
    """Self-attention and two dense layers, each with layer norm before it and a residual connection around it."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.heads = shape.heads
        self.attention_norm = nn.LayerNorm(shape.width)
        self.queries_keys_values = nn.Linear(shape.width, 3 * shape.width)
        self.attention_out = nn.Linear(shape.width, shape.width)
        self.dense_norm = nn.LayerNorm(shape.width)
        self.widen = nn.Linear(shape.width, 4 * shape.width)
        self.narrow = nn.Linear(4 * shape.width, shape.width)

    def forward(self, x: Tensor) -> Tensor:
        """(n, t, width) -> the same."""
        batch, time, width = x.shape
        parts = self.queries_keys_values(self.attention_norm(x)).view(batch, time, 3, self.heads, width // self.heads)
        queries, keys, values = parts.permute(2, 0, 3, 1, 4)
        attended = functional.scaled_dot_product_attention(queries, keys, values)
        x = x + self.attention_out(attended.transpose(1, 2).reshape(batch, time, width))
        return x + self.narrow(functional.gelu(self.widen(self.dense_norm(x))))


_NAMES = {
    "conv1": "conv1",
    "conv2": "conv2",
    "self_attention/layer_norm": "attention_norm",
    "self_attention/linear_0": "queries_keys_values",
    "self_attention/linear_1": "attention_out",
    "ffn/layer_norm": "dense_norm",
    "ffn/linear_0": "widen",
    "ffn/linear_1": "narrow",
}
"""CTranslate2's names of a block's parts, and the ones used here."""


def load_encoder(weights: dict[str, npt.NDArray[np.generic]], shape: Shape, layers: int) -> Encoder:
    """The encoder of `shape` up to block `layers`, filled from the variables of a CTranslate2 model, in float32."""
    encoder = Encoder(shape, layers)
    state = {"positions": _tensor(weights["encoder/position_encodings/encodings"])}
    for key in encoder.state_dict():
        if key == "positions":
            continue
        *place, kind = key.split(".")
        block = f"layer_{place[1]}/" if place[0] == "blocks" else ""
        part = next(theirs for theirs, ours in _NAMES.items() if ours == place[-1])
        if part.endswith("layer_norm"):
            kind = {"weight": "gamma", "bias": "beta"}[kind]
        state[key] = _tensor(weights[f"encoder/{block}{part}/{kind}"])
    encoder.load_state_dict(state)
    return encoder.eval().requires_grad_(requires_grad=False)


def _tensor(values: npt.NDArray[np.generic]) -> Tensor:
    return torch.from_numpy(values.astype(np.float32))
