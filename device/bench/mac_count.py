"""Counts the multiply-adds of a .tflite. Layers with sparse weights count as dense, which they become when loaded.

Only the sizes of the layers are read, with the field numbers of TensorFlow's schema.fbs (Apache-2.0).
"""

import struct
from dataclasses import dataclass
from math import prod

from device.errors import ModelError
from device.perception.flatbuffer import open_tflite, read_operator_codes

_CONV, _DEPTHWISE, _FULLY_CONNECTED = 3, 4, 9
_INT8 = 9


@dataclass(frozen=True)
class MacCount:
    """The work of one run of a network."""

    macs: int
    """Multiply-adds of convolutions and fully connected layers; those of other layers are negligible."""
    int8_macs: int
    """Multiply-adds with int8 weights."""


def count_macs(content: bytes, name: str) -> MacCount:
    """Count the multiply-adds of a .tflite. Raises ModelError, which quotes `name`, for any other file."""
    total = int8 = 0
    try:
        model = open_tflite(content)
        codes = read_operator_codes(model)
        for graph in model.tables(2):
            tensors = graph.tables(0)
            for operator in graph.tables(3):
                inputs, outputs = operator.numbers(1), operator.numbers(2)
                shapes = [tensors[i].numbers(0) for i in (*inputs[:2], outputs[0])]
                macs = _layer_macs(codes[operator.number(0, "I")], shapes)
                total += macs
                if macs and tensors[inputs[1]].number(1, "b") == _INT8:
                    int8 += macs
    except (struct.error, IndexError) as error:
        raise ModelError(f"{name}: its layers cannot be read; is it a .tflite file?") from error
    return MacCount(total, int8)


def _layer_macs(code: int, shapes: list[list[int]]) -> int:
    """The multiply-adds of a layer with these shapes of its input, weights and output."""
    if code == _CONV:  # weights: out, high, wide, in
        return prod(shapes[2]) * prod(shapes[1][1:])
    if code == _DEPTHWISE:  # weights: 1, high, wide, out
        return prod(shapes[2]) * prod(shapes[1][1:3])
    if code == _FULLY_CONNECTED:  # weights: out, in
        return prod(shapes[2]) * shapes[1][-1]
    return 0
