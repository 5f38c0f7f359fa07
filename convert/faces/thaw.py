"""A network that can be trained on, from its int8 .tflite alone: run folders are not committed, networks are."""

from pathlib import Path

import torch
from ai_edge_litert.interpreter import Interpreter
from torch import Tensor, nn

from convert.faces.unfold import layers_of, unfold
from device.errors import ModelError

_WITH_WEIGHTS = {"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"}


def thaw(network: nn.Module, tflite: Path, inputs: Tensor) -> None:
    """Fill `network` with the weights of `tflite`, which was exported from such a one.

    The export has folded every batch normalization into the convolution before it: see `unfold`. Raises ModelError
    where its layers are not those of the network, or it is no .tflite.
    """
    weights = _weights(tflite)
    if [tuple(layer.weight.shape) for layer in layers_of(network)] != [tuple(weight.shape) for weight, _ in weights]:
        raise ModelError(f"{tflite}: its layers are not those of {type(network).__name__}; was it made by this recipe?")
    unfold(network, weights, inputs)


def _weights(tflite: Path) -> list[tuple[Tensor, Tensor]]:
    """Weight and bias of each layer in the order of the graph, as real numbers in PyTorch's layout."""
    try:
        interpreter = Interpreter(str(tflite))
    except (ValueError, RuntimeError) as error:
        raise ModelError(f"{tflite}: cannot be read as a .tflite; copy it again, or name a run folder") from error
    tensors = {tensor["index"]: tensor for tensor in interpreter.get_tensor_details()}

    def real(index: int) -> Tensor:
        scales = torch.from_numpy(tensors[index]["quantization_parameters"]["scales"])
        values = torch.from_numpy(interpreter.get_tensor(index)).float()
        along = tensors[index]["quantization_parameters"]["quantized_dimension"]
        shape = [-1 if axis == along else 1 for axis in range(values.ndim)]
        return values * (scales.reshape(shape) if len(scales) > 1 else scales)

    found = []
    for operation in interpreter._get_ops_details():  # noqa: SLF001 - the one way to the order of the layers
        name, given = operation["op_name"], operation["inputs"]
        if name in _WITH_WEIGHTS:
            weight = real(int(given[1]))
            if weight.ndim == 4:
                weight = weight.permute(3, 0, 1, 2) if name == "DEPTHWISE_CONV_2D" else weight.permute(0, 3, 1, 2)
            found.append((weight.contiguous(), real(int(given[2]))))
    return found
