"""Counts the multiply-adds of a network from the layer sizes in its .tflite file.

A .tflite is a FlatBuffer. Only the sizes in its schema (TensorFlow's schema.fbs, Apache-2.0) are read here. Layers with
sparse weights count as dense, which they become when they are loaded.
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
    """Those with int8 weights."""


def count_macs(content: bytes, name: str) -> MacCount:
    """Count the multiply-adds of a .tflite. Raises ModelError, which quotes `name`, for any other file."""
    try:
        if content[4:8] != b"TFL3":
            raise IndexError("another kind of file")
        model = _Table.root(content)
        codes = [max(code.number(0, "b"), code.number(3, "i")) for code in model.tables(1)]
        total = int8 = 0
        for graph in model.tables(2):
            tensors = graph.tables(0)
            for operator in graph.tables(3):
                inputs, outputs = operator.numbers(1), operator.numbers(2)
                macs = _macs(codes[operator.number(0, "I")], [tensors[i].numbers(0) for i in (*inputs[:2], outputs[0])])
                total += macs
                if macs and tensors[inputs[1]].number(1, "b") == _INT8:
                    int8 += macs
    except (struct.error, IndexError) as error:
        raise ModelError(f"{name}: its layers cannot be read; is it a .tflite file?") from error
    return MacCount(total, int8)


def _macs(code: int, shapes: list[list[int]]) -> int:
    """Multiply-adds of one layer, from the shapes of its input, weights and output."""
    if code == _CONV:  # weights: out, high, wide, in
        return prod(shapes[2]) * prod(shapes[1][1:])
    if code == _DEPTHWISE:  # weights: 1, high, wide, out
        return prod(shapes[2]) * prod(shapes[1][1:3])
    if code == _FULLY_CONNECTED:  # weights: out, in
        return prod(shapes[2]) * shapes[1][-1]
    return 0


class _Table:
    """One table of a FlatBuffer. It points back to a list of offsets, which locates its fields."""

    def __init__(self, data: bytes, position: int) -> None:
        self._data, self._position = data, position

    @classmethod
    def root(cls, data: bytes) -> "_Table":
        return cls(data, _read(data, "I", 0))

    def number(self, field: int, kind: str) -> int:
        """A scalar field; 0 if it is omitted. `kind` is a format character of `struct`."""
        position = self._field(field)
        return _read(self._data, kind, position) if position else 0

    def numbers(self, field: int) -> list[int]:
        """A list of int32."""
        return [_read(self._data, "i", at) for at in self._elements(field)]

    def tables(self, field: int) -> list["_Table"]:
        """A list of tables."""
        return [_Table(self._data, at + _read(self._data, "I", at)) for at in self._elements(field)]

    def _field(self, field: int) -> int:
        """The position of a field; 0 if it is omitted."""
        fields = self._position - _read(self._data, "i", self._position)
        entry = 4 + 2 * field
        offset = _read(self._data, "H", fields + entry) if entry < _read(self._data, "H", fields) else 0
        return self._position + offset if offset else 0

    def _elements(self, field: int) -> range:
        """The positions of a list's elements, 4 bytes each."""
        position = self._field(field)
        if not position:
            return range(0)
        start = position + _read(self._data, "I", position)
        count = _read(self._data, "I", start)
        if start + 4 + 4 * count > len(self._data):
            raise IndexError("a list exceeds the file")
        return range(start + 4, start + 4 + 4 * count, 4)


def _read(data: bytes, kind: str, position: int) -> int:
    if position < 0:
        raise IndexError("before the start")
    value: int = struct.unpack_from("<" + kind, data, position)[0]
    return value
