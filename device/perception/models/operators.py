"""Which operators a network may consist of: only such that take the same time for every input.

A network is a program. One with a loop can end on the golden input and run for ever on another.
"""

import struct

from device.errors import ModelError
from device.perception.flatbuffer import open_tflite, read_operator_codes

# Numbers and names of BuiltinOperator in TensorFlow's schema.fbs (Apache-2.0).
ALLOWED = {
    0: "ADD",
    1: "AVERAGE_POOL_2D",
    2: "CONCATENATION",
    3: "CONV_2D",
    4: "DEPTHWISE_CONV_2D",
    6: "DEQUANTIZE",
    9: "FULLY_CONNECTED",
    11: "L2_NORMALIZATION",
    14: "LOGISTIC",
    17: "MAX_POOL_2D",
    18: "MUL",
    19: "RELU",
    21: "RELU6",
    22: "RESHAPE",
    25: "SOFTMAX",
    28: "TANH",
    34: "PAD",
    36: "GATHER",
    39: "TRANSPOSE",
    40: "MEAN",
    41: "SUB",
    42: "DIV",
    43: "SQUEEZE",
    45: "STRIDED_SLICE",
    47: "EXP",
    49: "SPLIT",
    53: "CAST",
    54: "PRELU",
    55: "MAXIMUM",
    57: "MINIMUM",
    59: "NEG",
    65: "SLICE",
    70: "EXPAND_DIMS",
    73: "LOG",
    74: "SUM",
    75: "SQRT",
    76: "RSQRT",
    78: "POW",
    82: "REDUCE_MAX",
    83: "PACK",
    88: "UNPACK",
    92: "SQUARE",
    98: "LEAKY_RELU",
    99: "SQUARED_DIFFERENCE",
    101: "ABS",
    102: "SPLIT_V",
    114: "QUANTIZE",
    117: "HARD_SWISH",
    126: "BATCH_MATMUL",
    150: "GELU",
}
_KNOWN_BAD = {32: "a custom operator", 118: "IF", 119: "WHILE", 129: "CALL_ONCE"}


def check_operators(content: bytes, path: str) -> None:
    """Raises ModelError, naming `path`, for a network with any other operator or with more than one graph."""
    try:
        model = open_tflite(content)
        codes, graphs = read_operator_codes(model), len(model.tables(2))
    except (struct.error, IndexError) as error:
        raise ModelError(f"{path}: its layers cannot be read; is it a .tflite file?") from error
    if refused := sorted({_KNOWN_BAD.get(code, f"operator {code}") for code in codes if code not in ALLOWED}):
        raise ModelError(f"{path}: has {', '.join(refused)}; only layers that always end are allowed")
    if graphs != 1:
        raise ModelError(f"{path}: has {graphs} graphs, not one; only layers that always end are allowed")
