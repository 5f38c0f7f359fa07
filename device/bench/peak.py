"""The processor's peak rate of int8 multiply-adds, measured with plain convolutions of suitable sizes.

The test networks are built here and run by the same runtime as ours. A network's speed is reported as a share of this
peak and not of a number in a data sheet, because clocks differ, and so do the kernels of a runtime.
"""

from functools import partial

import numpy as np

from device.bench.timing import measure
from device.perception.tflite import Network, open_schema

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
        best = max(best, side * side * channels * channels * kernel * kernel / timing.fastest_s)
    return best


def build_convolution(side: int, channels: int, kernel: int) -> bytes:
    """A .tflite with one int8 convolution from (1, side, side, channels) to the same shape, with random weights.

    Raises ImportError, or ModelError, with a runtime that brings neither flatbuffers nor the schema.
    """
    import flatbuffers  # type: ignore[import-untyped] # installed with the runtime; nothing else needs it

    schema = open_schema()

    def tensor(shape: tuple[int, ...], kind: int, buffer: int, scales: list[float]) -> object:
        made = schema.TensorT()
        made.shape = np.array(shape, np.int32)
        made.type = kind
        made.buffer = buffer
        made.quantization = schema.QuantizationParametersT()
        made.quantization.scale = np.array(scales, np.float32)
        made.quantization.zeroPoint = np.zeros(len(scales), np.int64)
        return made

    weights = np.random.default_rng(side).integers(-127, 128, (channels, kernel, kernel, channels), np.int8)
    bias = np.zeros(channels, np.int32)
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.CONV_2D
    code.version = 3
    options = schema.Conv2DOptionsT()
    options.padding = schema.Padding.SAME
    options.strideW = options.strideH = 1
    operator = schema.OperatorT()
    operator.inputs = np.array([0, 1, 2], np.int32)
    operator.outputs = np.array([3], np.int32)
    operator.builtinOptionsType = schema.BuiltinOptions.Conv2DOptions
    operator.builtinOptions = options
    shape = (1, side, side, channels)
    int8 = schema.TensorType.INT8
    graph = schema.SubGraphT()
    graph.inputs = np.array([0], np.int32)
    graph.outputs = np.array([3], np.int32)
    graph.operators = [operator]
    graph.tensors = [
        tensor(shape, int8, 0, [1 / 64]),
        tensor(weights.shape, int8, 1, [1 / 4096] * channels),
        tensor(bias.shape, schema.TensorType.INT32, 2, [1 / 64 / 4096] * channels),
        tensor(shape, int8, 0, [1 / 8]),
    ]
    model = schema.ModelT()
    model.version = 3
    model.operatorCodes = [code]
    model.subgraphs = [graph]
    model.buffers = [schema.BufferT() for _ in range(3)]
    for buffer, array in zip(model.buffers, (bias[:0], weights, bias), strict=True):
        buffer.data = array.view(np.uint8).ravel()
    builder = flatbuffers.Builder(1 << 16)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())
