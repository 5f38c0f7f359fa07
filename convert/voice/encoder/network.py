"""The network of the speech encoder: Whisper's first blocks (Radford et al. 2022) with fewer numbers in each layer."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from convert.voice.whisper.network import Encoder, Shape
from device.perception.audio.speech_mel import BANDS
from device.perception.voice.chunks import CHUNK


@dataclass(frozen=True)
class EncoderShape:
    """The size of the compressed blocks. Whisper tiny has 64, 64 and 1536."""

    query: int = 24
    """Numbers of each head's queries and keys."""
    value: int = 40
    """Numbers of each head's values."""
    dense: tuple[int, ...] = (640, 768)
    """Neurons of the dense layer of each block."""


class SmallBlock(nn.Module):
    """A block of Whisper's encoder whose heads and dense layer are narrower: (n, t, width) -> (n, t, width)."""

    def __init__(self, width: int, heads: int, query: int, value: int, dense: int) -> None:
        super().__init__()
        self.heads, self.query_width, self.value_width = heads, query, value
        self.attention_norm = nn.LayerNorm(width)
        self.queries = nn.Linear(width, heads * query)
        # A bias of the keys would add the same to all scores of a query. That of the values is part of attention_out's.
        self.keys = nn.Linear(width, heads * query, bias=False)
        self.values = nn.Linear(width, heads * value, bias=False)
        self.attention_out = nn.Linear(heads * value, width)
        self.dense_norm = nn.LayerNorm(width)
        self.widen = nn.Linear(width, dense)
        self.narrow = nn.Linear(dense, width)

    def attend(self, x: Tensor) -> Tensor:
        """The first half of the block: self-attention and its residual connection."""
        n, t, _ = x.shape
        y = self.attention_norm(x)
        queries = self.queries(y).reshape(n, t, self.heads, self.query_width).transpose(1, 2)
        keys = self.keys(y).reshape(n, t, self.heads, self.query_width).permute(0, 2, 3, 1)
        values = self.values(y).reshape(n, t, self.heads, self.value_width).transpose(1, 2)
        attended = torch.softmax(queries @ keys, dim=-1) @ values
        return x + self.attention_out(attended.transpose(1, 2).reshape(n, t, self.heads * self.value_width))

    def activate(self, x: Tensor) -> Tensor:
        """(n, t, dense): the neurons of the dense layer after `attend`."""
        return functional.gelu(self.widen(self.dense_norm(x)))

    def forward(self, x: Tensor) -> Tensor:
        """The output of the block."""
        x = self.attend(x)
        return x + self.narrow(self.activate(x))


class SpeechEncoder(nn.Module):
    """(n, BANDS, 2 CHUNK, 1) float32 log-mel -> the output of each block, (n, CHUNK, width) float32."""

    def __init__(self, whisper: Shape, shape: EncoderShape = EncoderShape()) -> None:
        super().__init__()
        width = whisper.width
        self.conv1 = nn.Conv2d(BANDS, width, (3, 1), padding=(1, 0))
        self.conv2 = nn.Conv2d(width, width, (3, 1), stride=(2, 1), padding=(1, 0))
        self.positions = nn.Parameter(torch.zeros(1, CHUNK, width), requires_grad=False)
        self.blocks = nn.ModuleList(
            SmallBlock(width, whisper.heads, shape.query, shape.value, dense) for dense in shape.dense
        )

    def embed(self, x: Tensor) -> Tensor:
        """(n, BANDS, 2 CHUNK, 1) -> (n, CHUNK, width): the input of the first block."""
        y = functional.gelu(self.conv2(functional.gelu(self.conv1(x))))
        return y[:, :, :, 0].transpose(1, 2) + self.positions

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """The output of each block."""
        y, outputs = self.embed(x), []
        for block in self.blocks:
            y = block(y)
            outputs.append(y)
        return tuple(outputs)


def run_whisper(whisper: Encoder, x: Tensor) -> Tensor:
    """(n, BANDS, 2 CHUNK, 1) -> (n, blocks, CHUNK, width): the outputs that the speech encoder is to have."""
    return torch.stack(whisper(x[:, :, :, 0]), dim=1)
