"""Makes the blocks of Whisper's encoder smaller, each in closed form, so that their outputs on speech change least.

Queries, keys and values lose the directions in which speech hardly varies: a singular value decomposition weighted by
the inputs (as in Chen et al. 2021, "DRONE"). The dense layers lose the neurons that the others can stand in for
(Hassibi and Stork 1993, "optimal brain surgeon"). The remaining ones are fitted again to Whisper's own output, so that
a block also undoes errors of the blocks before it. Distillation then starts close to its goal.
"""

from dataclasses import dataclass
from typing import cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from convert.voice.encoder.network import EncoderShape, SmallBlock, SpeechEncoder
from convert.voice.whisper.network import Block, Encoder, Shape

Doubles = npt.NDArray[np.float64]

_AT_ONCE = 64
_ROW_STEP = 2
"""Neighbouring frames say nearly the same: every second one is enough to fit on."""
_REMOVED_AT_ONCE = 0.1
"""The share of a dense layer's neurons that is removed before the others are weighed again."""


@torch.no_grad()
def compress(whisper: Encoder, size: Shape, shape: EncoderShape, chunks: Tensor) -> SpeechEncoder:
    """A small encoder that comes close to `whisper`, of `size`, on `chunks` (n, BANDS, 2 CHUNK, 1) of speech."""
    small = SpeechEncoder(size, shape)
    for name in ("conv1", "conv2"):
        source, target = getattr(whisper, name), getattr(small, name)
        target.weight.copy_(source.weight[:, :, :, None])
        target.bias.copy_(source.bias)
    small.positions.copy_(whisper.positions[None, : small.positions.shape[1]])
    inputs = [small.embed(part) for part in chunks.split(_AT_ONCE)]
    goals = list(inputs)
    for source, target in zip(whisper.blocks, small.blocks, strict=True):
        block, original = cast(SmallBlock, target), cast(Block, source)
        _fit_attention(original, block, _rows([original.attention_norm(part) for part in inputs]))
        goals = [original(part) for part in goals]
        attended = [block.attend(part) for part in inputs]
        _fit_dense(original, block, attended, goals)
        inputs = [block(part) for part in inputs]
    return small


def _rows(parts: list[Tensor]) -> Doubles:
    return torch.cat([part.flatten(0, 1)[::_ROW_STEP] for part in parts]).double().numpy()


def _fit_attention(original: Block, block: SmallBlock, rows: Doubles) -> None:
    """Fill the attention of `block`; `rows` (n, width) are its normalized inputs."""
    width = rows.shape[1]
    mean = rows.mean(axis=0)
    root, inverse = _square_roots(rows.T @ rows / len(rows))
    around_mean, around_mean_inverse = _square_roots(np.cov(rows.T))
    merged = original.queries_keys_values
    weights = merged.weight.double().numpy().reshape(3, original.heads, -1, width)
    biases = merged.bias.double().numpy().reshape(3, original.heads, -1)
    out = original.attention_out.weight.double().numpy()
    out_bias = original.attention_out.bias.double().numpy().copy()
    per_head = weights.shape[2]
    queries, query_biases, keys, values, outs = [], [], [], [], []
    for head in range(original.heads):
        to_query, to_key, to_value = weights[:, head] * np.array([per_head**-0.5, 1, 1])[:, None, None]
        # A score is a product of two inputs with this matrix between them.
        left, strength, right = np.linalg.svd(root @ to_query.T @ to_key @ root)
        roots = np.sqrt(strength[: block.query_width])
        queries.append((left[:, : block.query_width] * roots).T @ inverse)
        keys.append(roots[:, None] * right[: block.query_width] @ inverse)
        on_keys = biases[0, head] * per_head**-0.5 @ to_key
        query_biases.append(np.linalg.lstsq(keys[-1].T, on_keys, rcond=None)[0])
        from_head = out[:, head * per_head : (head + 1) * per_head]
        left, strength, right = np.linalg.svd(from_head @ to_value @ around_mean, full_matrices=False)
        outs.append(left[:, : block.value_width] * strength[: block.value_width])
        values.append(right[: block.value_width] @ around_mean_inverse)
        out_bias += from_head @ biases[2, head] + (from_head @ to_value - outs[-1] @ values[-1]) @ mean
    block.attention_norm.load_state_dict(original.attention_norm.state_dict())
    _fill(block.queries, np.concatenate(queries), np.concatenate(query_biases))
    _fill(block.keys, np.concatenate(keys))
    _fill(block.values, np.concatenate(values))
    _fill(block.attention_out, np.concatenate(outs, axis=1), out_bias)


@dataclass(frozen=True)
class _Moments:
    """Second moments of a dense layer's neurons (n,), and with what they must produce (width,)."""

    neurons: Doubles
    produced: Doubles

    def fit(self, remaining: npt.NDArray[np.int64]) -> tuple[Doubles, Doubles]:
        """Weights (remaining, width) of the `remaining` neurons, and the inverse moments that they were solved with."""
        ridge = 1e-6 * np.trace(self.neurons) / len(self.neurons)
        inverse = np.linalg.inv(self.neurons[np.ix_(remaining, remaining)] + ridge * np.eye(len(remaining)))
        return inverse @ self.produced[remaining], inverse


def _fit_dense(original: Block, block: SmallBlock, attended: list[Tensor], goals: list[Tensor]) -> None:
    """Choose the neurons of `block`, and fit their output to what is missing from `attended` to `goals`."""
    hidden = _rows([nn.functional.gelu(original.widen(original.dense_norm(part))) for part in attended])
    missing = _rows([goal - part for goal, part in zip(goals, attended, strict=True)])
    hidden_mean, missing_mean = hidden.mean(axis=0), missing.mean(axis=0)
    hidden -= hidden_mean
    missing -= missing_mean
    moments = _Moments(hidden.T @ hidden / len(hidden), hidden.T @ missing / len(hidden))
    remaining = np.arange(hidden.shape[1])
    while (surplus := len(remaining) - block.widen.out_features) > 0:
        weights, inverse = moments.fit(remaining)
        # How much the error grows without a neuron, once the others are fitted again.
        saliency = np.square(weights).sum(axis=1) / np.diag(inverse)
        removed = max(min(surplus, int(len(remaining) * _REMOVED_AT_ONCE)), 1)
        remaining = np.sort(remaining[np.argsort(saliency)[removed:]])
    weights, _ = moments.fit(remaining)
    block.dense_norm.load_state_dict(original.dense_norm.state_dict())
    block.widen.weight.copy_(original.widen.weight[remaining])
    block.widen.bias.copy_(original.widen.bias[remaining])
    _fill(block.narrow, weights.T, missing_mean - hidden_mean[remaining] @ weights)


def _square_roots(moments: Doubles) -> tuple[Doubles, Doubles]:
    """The symmetric square root of a matrix (n, n) without negative eigenvalues, and the inverse of the root."""
    values, vectors = np.linalg.eigh(moments)
    root = np.sqrt(np.maximum(values, 1e-6 * values.max()))
    return (vectors * root) @ vectors.T, (vectors / root) @ vectors.T


def _fill(layer: nn.Linear, weight: Doubles, bias: Doubles | None = None) -> None:
    layer.weight.copy_(torch.from_numpy(weight))
    if bias is not None:
        layer.bias.copy_(torch.from_numpy(bias))
