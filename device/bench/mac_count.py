"""Counts the multiply-adds of a .tflite. Layers with sparse weights count as dense, which they become when loaded.

A .tflite is a FlatBuffer. Only the sizes of the layers are read, with the field numbers of TensorFlow's schema.fbs
(Apache-2.0). The generated classes of that schema come with LiteRT, and tflite-runtime has none.
"""

import struct
from dataclasses import dataclass
from math import prod

from device.errors import ModelError

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
        if content[4:8] != b"TFL3":
            raise IndexError("another kind of file")
        model = _Table(content, _read(content, "I", 0))
        # Old files have the kind of an operator in field 0, new ones in field 3.
        codes = [max(code.number(0, "b"), code.number(3, "i")) for code in model.tables(1)]
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


class _Table:
    """One table of a FlatBuffer. It points back to the list of its fields' offsets."""

    def __init__(self, data: bytes, at: int) -> None:
        self._data, self._at = data, at

    def number(self, field: int, kind: str) -> int:
        """A scalar field, 0 if it is left out; `kind` is struct's letter."""
        at = self._locate(field)
        return _read(self._data, kind, at) if at else 0

    def numbers(self, field: int) -> list[int]:
        """A list of int32."""
        return [_read(self._data, "i", at) for at in self._elements(field)]

    def tables(self, field: int) -> list["_Table"]:
        """A list of tables."""
        return [_Table(self._data, at + _read(self._data, "I", at)) for at in self._elements(field)]

    def _locate(self, field: int) -> int:
        """The position of a field; 0 if it is left out."""
        fields = self._at - _read(self._data, "i", self._at)
        entry = 4 + 2 * field
        offset = _read(self._data, "H", fields + entry) if entry < _read(self._data, "H", fields) else 0
        return self._at + offset if offset else 0

    def _elements(self, field: int) -> range:
        """The positions of a list's elements, each of 4 bytes."""
        at = self._locate(field)
        if not at:
            return range(0)
        start = at + _read(self._data, "I", at)
        count = _read(self._data, "I", start)
        if start + 4 + 4 * count > len(self._data):
            raise IndexError("a list reaches beyond the end")
        return range(start + 4, start + 4 + 4 * count, 4)


def _read(data: bytes, kind: str, at: int) -> int:
    if at < 0:
        raise IndexError("before the start")
    value: int = struct.unpack_from("<" + kind, data, at)[0]
    return value
