"""Loads an int8 .tflite into a trainable network: the repository has the .tflite files, but not the run folders."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from device.errors import ModelError


def load_folded(network: nn.Module, weights: Sequence[tuple[Tensor, Tensor]], inputs: Tensor) -> None:
    """Load (weight, bias), with batch normalizations folded in, into the first layers of `network`, in order.

    Each batch normalization is estimated from the output of its convolution for `inputs` (n, c, h, w), so that the
    network predicts as before and trains as usual.
    """
    norms = {
        convolution: norm
        for pair in network.modules()
        if isinstance(pair, nn.Sequential)
        for convolution, norm in zip(pair, list(pair)[1:], strict=False)
        if isinstance(norm, nn.BatchNorm2d)
    }
    statistics: dict[nn.Module, tuple[Tensor, Tensor]] = {}
    hooks = [
        norm.register_forward_pre_hook(lambda norm, given: statistics.update({norm: _measure_channels(given[0])}))
        for norm in norms.values()
    ]
    with torch.no_grad():
        for layer, (weight, bias) in zip(find_layers(network), weights, strict=False):
            layer.weight.copy_(weight)
            if layer in norms:
                _set_norm(norms[layer], torch.zeros_like(bias), torch.ones_like(bias), bias)
            else:
                layer.bias.copy_(bias)
        network.eval()(inputs)
        for norm, (mean, variance) in statistics.items():
            _set_norm(norm, mean, variance, norm.bias)
    for hook in hooks:
        hook.remove()


def find_layers(network: nn.Module) -> list[nn.Module]:
    """The layers with weights, in order."""
    return [module for module in network.modules() if isinstance(module, nn.Conv2d | nn.Linear)]


def _measure_channels(x: Tensor) -> tuple[Tensor, Tensor]:
    return x.mean(dim=(0, 2, 3)), x.var(dim=(0, 2, 3))


def _set_norm(norm: nn.BatchNorm2d, mean: Tensor, variance: Tensor, shift: Tensor) -> None:
    """Make `norm` add `shift` and nothing else when the input has this `mean` and `variance`."""
    deviation = torch.sqrt(variance + norm.eps)
    norm.running_mean.copy_(mean)
    norm.running_var.copy_(variance)
    norm.weight.copy_(deviation)
    norm.bias.copy_(shift + mean)


_WITH_WEIGHTS = {"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"}


def load_tflite(network: nn.Module, tflite: Path, inputs: Tensor) -> None:
    """Load `tflite`, which was exported from the same architecture, into `network`.

    The export folds every batch normalization into the convolution before it: see `load_folded`. Raises ModelError when
    the layers do not fit, or the file is not a .tflite.
    """
    weights = _read_weights(tflite)
    if [tuple(layer.weight.shape) for layer in find_layers(network)] != [tuple(weight.shape) for weight, _ in weights]:
        raise ModelError(
            f"{tflite}: its layers do not fit {type(network).__name__}; was it exported from this network?"
        )
    load_folded(network, weights, inputs)


def _read_weights(tflite: Path) -> list[tuple[Tensor, Tensor]]:
    """Weight and bias of each layer in the order of the graph, as float32 in PyTorch's layout."""
    # Not installed on every machine that trains; `load_folded` works without it.
    from ai_edge_litert.interpreter import Interpreter

    try:
        interpreter = Interpreter(str(tflite))
    except (ValueError, RuntimeError) as error:
        raise ModelError(f"{tflite}: cannot be read as a .tflite; copy it again, or name a run folder") from error
    tensors = {tensor["index"]: tensor for tensor in interpreter.get_tensor_details()}

    def dequantize(index: int) -> Tensor:
        scales = torch.from_numpy(tensors[index]["quantization_parameters"]["scales"])
        values = torch.from_numpy(interpreter.get_tensor(index)).float()
        axis_of_scales = tensors[index]["quantization_parameters"]["quantized_dimension"]
        shape = [-1 if axis == axis_of_scales else 1 for axis in range(values.ndim)]
        return values * (scales.reshape(shape) if len(scales) > 1 else scales)

    found = []
    for operation in interpreter._get_ops_details():  # noqa: SLF001 - the only way to get the order of the layers
        name, given = operation["op_name"], operation["inputs"]
        if name in _WITH_WEIGHTS:
            weight = dequantize(int(given[1]))
            if weight.ndim == 4:
                weight = weight.permute(3, 0, 1, 2) if name == "DEPTHWISE_CONV_2D" else weight.permute(0, 3, 1, 2)
            found.append((weight.contiguous(), dequantize(int(given[2]))))
    return found
