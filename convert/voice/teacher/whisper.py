"""Whisper's encoder (Radford et al. 2022, MIT), frozen, up to a given layer.

It was never trained on emotions, yet its lower layers reveal them, and generalize to new people and languages better
than a network trained on acted corpora alone. For training only: nothing of it ships.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from device.emotions import Floats

RATE_HZ = 16_000
HOP = 320
"""Samples per frame of the encoder: 20 ms, like the device's own frames."""
_FFT, _MEL_HOP, _BANDS = 400, 160, 80


@dataclass(frozen=True)
class Shape:
    """The size of an encoder."""

    width: int
    heads: int


BASE = Shape(512, 8)
TINY = Shape(384, 6)


class Encoder(nn.Module):
    """The first `layers` blocks of an encoder: (n, 80, 2 t) log-mel -> one (n, t, width) for each block."""

    def __init__(self, shape: Shape, layers: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(_BANDS, shape.width, 3, padding=1)
        self.conv2 = nn.Conv1d(shape.width, shape.width, 3, stride=2, padding=1)
        self.positions = nn.Parameter(torch.zeros(1500, shape.width), requires_grad=False)
        self.blocks = nn.ModuleList(_Block(shape) for _ in range(layers))

    def forward(self, mel: Tensor) -> list[Tensor]:
        """The output of each block, from the first one up."""
        x = functional.gelu(self.conv2(functional.gelu(self.conv1(mel)))).transpose(1, 2)
        x = x + self.positions[: x.shape[1]]
        outputs = []
        for block in self.blocks:
            x = block(x)
            outputs.append(x)
        return outputs


class _Block(nn.Module):
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


def log_mel(samples: Floats) -> Floats:
    """(samples,) float32 in -1..1 at 16 kHz -> (80, 2 t) float32, t = samples // HOP frames of the encoder.

    As openai/whisper's audio.py: power in 80 bands of 25 ms every 10 ms, logarithm to base 10, no more than 8 under the
    clip's loudest, scaled. The clip is not padded to 30 s.
    """
    half = _FFT // 2
    padded = np.pad(samples, half, mode="reflect")
    starts = np.arange(0, len(samples) // HOP * HOP, _MEL_HOP)
    frames = padded[starts[:, None] + np.arange(_FFT)]
    window = np.hanning(_FFT + 1)[:-1].astype(np.float32)
    power = np.abs(np.fft.rfft(frames * window, axis=1)) ** 2
    logarithm = np.log10(np.maximum(power @ _filterbank(), 1e-10))
    logarithm = np.maximum(logarithm, logarithm.max() - 8.0)
    return np.ascontiguousarray(((logarithm + 4.0) / 4.0).T, np.float32)


@lru_cache(maxsize=1)
def _filterbank() -> npt.NDArray[np.float64]:
    """(201, 80): Slaney's mel filters of equal area, as librosa.filters.mel(sr=16000, n_fft=400, n_mels=80)."""
    edges_hz = _hz(np.linspace(_mel(0.0), _mel(RATE_HZ / 2), _BANDS + 2))
    bins_hz = np.arange(_FFT // 2 + 1)[:, None] * RATE_HZ / _FFT
    left, centre, right = edges_hz[:-2], edges_hz[1:-1], edges_hz[2:]
    triangle = np.minimum((bins_hz - left) / (centre - left), (right - bins_hz) / (right - centre))
    return np.maximum(triangle, 0.0) * (2.0 / (right - left))


_BREAK_HZ, _BREAK_MEL = 1000.0, 15.0
"""Slaney's scale is linear below this frequency and logarithmic above it."""
_STEP = np.log(6.4) / 27.0


def _mel(hz: float) -> float:
    if hz < _BREAK_HZ:
        return hz * 3.0 / 200.0
    return float(_BREAK_MEL + np.log(hz / _BREAK_HZ) / _STEP)


def _hz(mel: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.where(
        mel < _BREAK_MEL, mel * 200.0 / 3.0, _BREAK_HZ * np.exp(_STEP * (np.maximum(mel, _BREAK_MEL) - _BREAK_MEL))
    )
