"""The weights in a CTranslate2 `model.bin`, read without CTranslate2.

Layout (OpenNMT/CTranslate2, python/ctranslate2/specs/model_spec.py, binary version 6), little-endian throughout: the
version, the name of the architecture, its revision, the number of variables, and each variable as its name, rank,
dimensions, type, size in bytes and values. A string is a 16-bit length and that many bytes, the last of them NUL.
"""

import struct

import numpy as np
import numpy.typing as npt

from device.errors import ModelError

_VERSION = 6
_TYPES = (np.float32, np.int8, np.int16, np.int32, np.float16)
"""The types by their number in the file."""


class _Cursor:
    """Reads values one after another. Raises ModelError at the end of the data."""

    def __init__(self, content: bytes) -> None:
        self._content, self._at = content, 0

    def take(self, size: int) -> bytes:
        part = self._content[self._at : self._at + size]
        if len(part) < size:
            raise ModelError(f"the CTranslate2 model ends after {len(self._content):,} bytes; fetch it again")
        self._at += size
        return part

    def number(self, code: str) -> int:
        """One unsigned integer: B (8 bits), H (16) or I (32)."""
        value: int = struct.unpack(f"<{code}", self.take(struct.calcsize(code)))[0]
        return value

    def text(self) -> str:
        return self.take(self.number("H")).rstrip(b"\0").decode()


def read_weights(content: bytes) -> dict[str, npt.NDArray[np.generic]]:
    """Every variable of a `model.bin` by its name, in the type and shape that it was stored in.

    Raises ModelError when the content is truncated, of another version, or of an unsupported type.
    """
    cursor = _Cursor(content)
    version = cursor.number("I")
    if version != _VERSION:
        raise ModelError(f"the CTranslate2 model is of version {version}, not {_VERSION}; fetch the package again")
    cursor.text()
    cursor.number("I")
    weights: dict[str, npt.NDArray[np.generic]] = {}
    for _ in range(cursor.number("I")):
        name = cursor.text()
        shape = [cursor.number("I") for _ in range(cursor.number("B"))]
        kind = cursor.number("B")
        if kind >= len(_TYPES):
            raise ModelError(f"{name}: values of type {kind}, which is not known here; fetch the package again")
        values = cursor.take(cursor.number("I"))
        weights[name] = np.frombuffer(values, _TYPES[kind]).reshape(shape)
    return weights
