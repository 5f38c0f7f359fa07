"""Widens a trained network: the wider one computes the same outputs, so training does not start from scratch.

Chen et al. 2016, "Net2Net: accelerating learning via knowledge transfer": channels are copied, and each
layer that reads a channel divides its weight among the copies.
"""

import torch
from torch import Tensor, nn

from convert.networks.face import MienFace
from convert.networks.residual import Residual

_NOISE = 0.02
"""Noise added to every weight, as a share of its standard deviation: identical copies would never diverge."""


def widen(narrow: MienFace, wide: MienFace, generator: torch.Generator, noise: float = _NOISE) -> None:
    """Copy the weights of `narrow` into `wide`, which has the same depth and heads, and stages at least as wide."""
    stem, *blocks = _convolutions(narrow)
    wide_stem, *wide_blocks = _convolutions(wide)
    with torch.no_grad():
        channels = _Copies(stem[0].out_channels, wide_stem[0].out_channels, generator)
        _fill(stem, wide_stem, None, channels, generator, noise)
        for block, larger in zip(blocks, wide_blocks, strict=True):
            assert isinstance(block, Residual)
            assert isinstance(larger, Residual)
            same = isinstance(block.shortcut, nn.Identity)
            out = channels if same else _Copies(block.second[0].out_channels, larger.second[0].out_channels, generator)
            inner = _Copies(block.first[0].out_channels, larger.first[0].out_channels, generator)
            _fill(block.first, larger.first, channels, inner, generator, noise)
            _fill(block.second, larger.second, inner, out, generator, noise)
            if not same:
                _fill(block.shortcut, larger.shortcut, channels, out, generator, noise)
            channels = out
        for (_, head), (_, larger_head) in zip(_heads(narrow), _heads(wide), strict=True):
            larger_head.weight.copy_(channels.read(head.weight))
            larger_head.bias.copy_(head.bias)


class _Copies:
    """Maps each wide channel to the narrow channel that it copies."""

    def __init__(self, narrow: int, wide: int, generator: torch.Generator) -> None:
        extra = torch.randperm(narrow, generator=generator).repeat(wide // narrow + 1)[: wide - narrow]
        self.rows = torch.cat([torch.arange(narrow), extra])
        self._shares = torch.bincount(self.rows, minlength=narrow)[self.rows].float()

    def read(self, weight: Tensor) -> Tensor:
        """(out, narrow, ...) -> (out, wide, ...), with the weights divided among the copies of each channel."""
        shape = [1, -1] + [1] * (weight.ndim - 2)
        return weight[:, self.rows] / self._shares.reshape(shape)


def _fill(
    pair: nn.Sequential,
    wide: nn.Sequential,
    inputs: _Copies | None,
    outputs: _Copies,
    generator: torch.Generator,
    noise: float,
) -> None:
    weight = pair[0].weight if inputs is None else inputs.read(pair[0].weight)
    weight = weight[outputs.rows]
    deviations = torch.randn(weight.shape, generator=generator) * weight.std()
    wide[0].weight.copy_(weight + (noise * deviations if len(outputs.rows) > pair[0].out_channels else 0))
    for name in ("weight", "bias", "running_mean", "running_var"):
        getattr(wide[1], name).copy_(getattr(pair[1], name)[outputs.rows])


def _convolutions(network: MienFace) -> list[nn.Module]:
    """The stem's convolution and normalization, then the residual blocks."""
    return [network.body[0], *(module for module in network.body if isinstance(module, Residual))]


def _heads(network: MienFace) -> list[tuple[str, nn.Linear]]:
    return [(name, module) for name, module in network.named_children() if isinstance(module, nn.Linear)]
