"""Reads the tables of a .tflite, which is a FlatBuffer, without the runtime.

The generated classes of TensorFlow's schema come with LiteRT, and tflite-runtime has none. Everything here raises
IndexError or struct.error for a file that is cut off or is another.
"""

import struct


def open_tflite(content: bytes) -> "Table":
    """The file's root table, a `Model` of schema.fbs."""
    if content[4:8] != b"TFL3":
        raise IndexError("another kind of file")
    return Table(content, _read(content, "I", 0))


def read_operator_codes(model: "Table") -> list[int]:
    """The kinds of operators that the file declares, as numbers of BuiltinOperator in schema.fbs."""
    # Old files have the kind of an operator in field 0, new ones in field 3.
    return [max(code.number(0, "b"), code.number(3, "i")) for code in model.tables(1)]


class Table:
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

    def tables(self, field: int) -> list["Table"]:
        """A list of tables."""
        return [Table(self._data, at + _read(self._data, "I", at)) for at in self._elements(field)]

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
