"""Normalizations that were folded into the convolutions before them, made anew, so that a network can be trained on."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


def unfold(network: nn.Module, weights: Sequence[tuple[Tensor, Tensor]], inputs: Tensor) -> None:
    """Fill the first layers of `network`, in order, with (weight, bias), normalizations folded into them.

    Each normalization is made anew from what the convolution before it gives for `inputs` (n, c, h, w), so that the
    network says what it said and trains as it did.
    """
    norms = {
        convolution: norm
        for pair in network.modules()
        if isinstance(pair, nn.Sequential)
        for convolution, norm in zip(pair, list(pair)[1:], strict=False)
        if isinstance(norm, nn.BatchNorm2d)
    }
    seen: dict[nn.Module, tuple[Tensor, Tensor]] = {}
    hooks = [
        norm.register_forward_pre_hook(lambda norm, given: seen.update({norm: _spread(given[0])}))
        for norm in norms.values()
    ]
    with torch.no_grad():
        for layer, (weight, bias) in zip(layers_of(network), weights, strict=False):
            layer.weight.copy_(weight)
            if layer in norms:
                _as(norms[layer], torch.zeros_like(bias), torch.ones_like(bias), bias)
            else:
                layer.bias.copy_(bias)
        network.eval()(inputs)
        for norm, (mean, variance) in seen.items():
            _as(norm, mean, variance, norm.bias)
    for hook in hooks:
        hook.remove()


def layers_of(network: nn.Module) -> list[nn.Module]:
    """What has weights to fill, in order."""
    return [module for module in network.modules() if isinstance(module, nn.Conv2d | nn.Linear)]


def _spread(x: Tensor) -> tuple[Tensor, Tensor]:
    return x.mean(dim=(0, 2, 3)), x.var(dim=(0, 2, 3))


def _as(norm: nn.BatchNorm2d, mean: Tensor, variance: Tensor, shift: Tensor) -> None:
    """Have `norm` add `shift` and nothing else, while it believes in `mean` and `variance`."""
    deviation = torch.sqrt(variance + norm.eps)
    norm.running_mean.copy_(mean)
    norm.running_var.copy_(variance)
    norm.weight.copy_(deviation)
    norm.bias.copy_(shift + mean)
