"""The processor's peak rate of int8 multiply-adds, measured with plain convolutions of suitable sizes.

The test networks are built here and run by the same runtime as ours. A network's speed is reported as a share of this
peak and not of a number in a data sheet, because clocks differ, and so do the kernels of a runtime.
"""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from device.bench.timing import measure
from device.perception.tflite import Network

if TYPE_CHECKING:
    import flatbuffers  # type: ignore[import-untyped]

_CONV, _INT8, _INT32 = 3, 9, 2
SHAPES = ((24, 192, 3), (24, 128, 3), (12, 256, 3))
"""(side in px, channels, kernel size): small enough for the caches, large enough to make the overhead negligible."""


def peak_macs_per_s(seconds: float = 0.2, threads: int = 1) -> float:
    """The best rate over SHAPES, each run for about `seconds`. Raises ModelError without a runtime."""
    rng = np.random.default_rng(0)
    best = 0.0
    for side, channels, kernel in SHAPES:
        network = Network(build_convolution(side, channels, kernel), "a convolution", threads)
        picture = rng.integers(-128, 128, (1, side, side, channels), np.int8)
        timing = measure(partial(network.run_raw, picture), seconds)
        # The fastest tenth: other load on this machine is not the processor's limit.
        fastest_s = float(np.percentile(timing.wall_ms, 10)) / 1000
        best = max(best, side * side * channels * channels * kernel * kernel / fastest_s)
    return best


def build_convolution(side: int, channels: int, kernel: int) -> bytes:
    """A .tflite with one int8 convolution from (1, side, side, channels) to the same shape, with random weights."""
    import flatbuffers  # installed with the runtime; nothing else needs it

    builder = flatbuffers.Builder(1 << 16)
    weights = np.random.default_rng(side).integers(-127, 128, (channels, kernel, kernel, channels), np.int8)
    bias = np.zeros(channels, np.int32)
    buffers = [_table(builder, {0: _data(builder, array)}) for array in (bias[:0], weights, bias)]
    shape = (1, side, side, channels)
    tensors = [
        _tensor(builder, shape, _INT8, 0, [1 / 64]),
        _tensor(builder, weights.shape, _INT8, 1, [1 / 4096] * channels),
        _tensor(builder, bias.shape, _INT32, 2, [1 / 64 / 4096] * channels),
        _tensor(builder, shape, _INT8, 0, [1 / 8]),
    ]
    # Strides and dilations are 1. The padding SAME and no activation are 0, and therefore omitted.
    options = _table(builder, {1: ("Int32", 1), 2: ("Int32", 1), 4: ("Int32", 1), 5: ("Int32", 1)})
    inputs, outputs = _vector(builder, "Int32", [0, 1, 2]), _vector(builder, "Int32", [3])
    operator = _table(builder, {1: inputs, 2: outputs, 3: ("Uint8", 1), 4: (_OFFSET, options)})
    parts = [_vector(builder, _OFFSET, tensors), _vector(builder, "Int32", [0]), _vector(builder, "Int32", [3])]
    graph = _table(builder, dict(enumerate([*parts, _vector(builder, _OFFSET, [operator])])))
    code = _table(builder, {0: ("Int8", _CONV), 2: ("Int32", 3), 3: ("Int32", _CONV)})
    lists = {1: _vector(builder, _OFFSET, [code]), 2: _vector(builder, _OFFSET, [graph])}
    builder.Finish(_table(builder, {0: ("Uint32", 3), **lists, 4: _vector(builder, _OFFSET, buffers)}), b"TFL3")
    return bytes(builder.Output())


_OFFSET = "UOffsetTRelative"
_Field = tuple[str, int]
"""The builder's name for the type, and the value."""


def _table(builder: "flatbuffers.Builder", fields: dict[int, _Field]) -> int:
    builder.StartObject(max(fields) + 1)
    for slot, (kind, number) in fields.items():
        getattr(builder, f"Prepend{kind}Slot")(slot, number, 0)
    return int(builder.EndObject())


def _vector(builder: "flatbuffers.Builder", kind: str, numbers: Sequence[float]) -> _Field:
    size = 8 if kind == "Int64" else 4
    builder.StartVector(size, len(numbers), size)
    for number in reversed(numbers):  # a FlatBuffer is written backwards
        getattr(builder, f"Prepend{kind}")(number)
    return _OFFSET, int(builder.EndVector())


def _data(builder: "flatbuffers.Builder", array: npt.NDArray[Any]) -> _Field:
    """The data of a tensor, aligned to 16 bytes as the schema requires."""
    stored = array.tobytes()
    builder.StartVector(1, len(stored), 16)
    builder.head -= len(stored)
    builder.Bytes[builder.head : builder.head + len(stored)] = stored
    return _OFFSET, int(builder.EndVector())


def _tensor(builder: "flatbuffers.Builder", shape: tuple[int, ...], kind: int, buffer: int, scales: list[float]) -> int:
    steps = {2: _vector(builder, "Float32", scales), 3: _vector(builder, "Int64", [0] * len(scales))}
    quantization = _table(builder, steps)
    sizes = _vector(builder, "Int32", shape)
    return _table(builder, {0: sizes, 1: ("Int8", kind), 2: ("Uint32", buffer), 4: (_OFFSET, quantization)})
