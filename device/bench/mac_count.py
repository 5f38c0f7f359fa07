"""Counts the multiply-adds of a .tflite. Layers with sparse weights count as dense, which they become when loaded."""

from dataclasses import dataclass
from math import prod

from device.errors import ModelError
from device.perception.tflite import open_schema


@dataclass(frozen=True)
class MacCount:
    """The work of one run of a network."""

    macs: int
    """Multiply-adds of convolutions and fully connected layers; those of other layers are negligible."""
    int8_macs: int
    """Multiply-adds with int8 weights."""


def count_macs(content: bytes, name: str) -> MacCount:
    """Count the multiply-adds of a .tflite. Raises ModelError, which quotes `name`, for any other file."""
    schema, total, int8 = open_schema(), 0, 0
    kinds = schema.BuiltinOperator
    try:
        if content[4:8] != b"TFL3":
            raise ValueError("another kind of file")
        model = schema.ModelT.InitFromPackedBuf(content)
        codes = [max(code.builtinCode, code.deprecatedBuiltinCode) for code in model.operatorCodes]
        for graph in model.subgraphs:
            for operator in graph.operators:
                code = codes[operator.opcodeIndex]
                if code not in {kinds.CONV_2D, kinds.DEPTHWISE_CONV_2D, kinds.FULLY_CONNECTED}:
                    continue
                weights = graph.tensors[operator.inputs[1]]
                # Weights: (out, high, wide, in), depthwise (1, high, wide, out), fully connected (out, in).
                sizes = weights.shape[1:3] if code == kinds.DEPTHWISE_CONV_2D else weights.shape[1:]
                macs = prod(map(int, graph.tensors[operator.outputs[0]].shape)) * prod(map(int, sizes))
                total += macs
                int8 += macs if weights.type == schema.TensorType.INT8 else 0
    except Exception as error:  # the generated reader raises whatever a damaged file leads it to
        raise ModelError(f"{name}: its layers cannot be read; is it a .tflite file?") from error
    return MacCount(total, int8)
