"""Multiply-adds of a network, counted from its .tflite file: the sizes of its layers stand there.

A .tflite is a FlatBuffer; of its schema (TensorFlow's schema.fbs, Apache-2.0) only what says the sizes is read here.
Layers whose weights are kept sparse are counted as the dense ones that they become.
"""

import struct
from dataclasses import dataclass
from math import prod

from device.errors import ModelError

_CONV, _DEPTHWISE, _FULLY_CONNECTED = 3, 4, 9
_INT8 = 9


@dataclass(frozen=True)
class Work:
    """What one run of a network takes."""

    macs: int
    """Multiply-adds of convolutions and fully connected layers; the rest is next to nothing."""
    int8_macs: int
    """Those of them whose weights are int8."""


def count_macs(content: bytes, name: str) -> Work:
    """Count a .tflite's multiply-adds. Raises ModelError, with `name` in it, for what is no such file."""
    try:
        if content[4:8] != b"TFL3":
            raise IndexError("another kind of file")
        model = _Table.root(content)
        codes = [max(code.number(0, "b"), code.number(3, "i")) for code in model.tables(1)]
        total = int8 = 0
        for graph in model.tables(2):
            tensors = graph.tables(0)
            for operator in graph.tables(3):
                given, made = operator.numbers(1), operator.numbers(2)
                macs = _macs(codes[operator.number(0, "I")], [tensors[i].numbers(0) for i in (*given[:2], made[0])])
                total += macs
                if macs and tensors[given[1]].number(1, "b") == _INT8:
                    int8 += macs
    except (struct.error, IndexError) as error:
        raise ModelError(f"{name}: its layers cannot be read; is it a .tflite file?") from error
    return Work(total, int8)


def _macs(code: int, shapes: list[list[int]]) -> int:
    """Of one layer with `shapes` of input, weights and output."""
    if code == _CONV:  # weights: out, high, wide, in
        return prod(shapes[2]) * prod(shapes[1][1:])
    if code == _DEPTHWISE:  # weights: 1, high, wide, out
        return prod(shapes[2]) * prod(shapes[1][1:3])
    if code == _FULLY_CONNECTED:  # weights: out, in
        return prod(shapes[2]) * shapes[1][-1]
    return 0


class _Table:
    """One table of a FlatBuffer: its fields are found through the list that the table points back to."""

    def __init__(self, data: bytes, at: int) -> None:
        self._data, self._at = data, at

    @classmethod
    def root(cls, data: bytes) -> "_Table":
        return cls(data, _read(data, "I", 0))

    def number(self, field: int, kind: str) -> int:
        """A scalar field, 0 where it is left out; `kind` is struct's letter."""
        at = self._field(field)
        return _read(self._data, kind, at) if at else 0

    def numbers(self, field: int) -> list[int]:
        """A list of int32."""
        return [_read(self._data, "i", at) for at in self._elements(field)]

    def tables(self, field: int) -> list["_Table"]:
        """A list of tables."""
        return [_Table(self._data, at + _read(self._data, "I", at)) for at in self._elements(field)]

    def _field(self, field: int) -> int:
        """Where a field stands; 0 when it is left out."""
        fields = self._at - _read(self._data, "i", self._at)
        entry = 4 + 2 * field
        offset = _read(self._data, "H", fields + entry) if entry < _read(self._data, "H", fields) else 0
        return self._at + offset if offset else 0

    def _elements(self, field: int) -> range:
        """Where the elements of a list stand, each of 4 bytes."""
        at = self._field(field)
        if not at:
            return range(0)
        begin = at + _read(self._data, "I", at)
        count = _read(self._data, "I", begin)
        if begin + 4 + 4 * count > len(self._data):
            raise IndexError("a list reaches over the end")
        return range(begin + 4, begin + 4 + 4 * count, 4)


def _read(data: bytes, kind: str, at: int) -> int:
    if at < 0:
        raise IndexError("before the beginning")
    value: int = struct.unpack_from("<" + kind, data, at)[0]
    return value
