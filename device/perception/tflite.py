"""Runs TFLite networks; the only module that knows about an interpreter."""

import importlib
import importlib.metadata
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from device.emotions import Floats
from device.errors import ModelError
from device.system.stderr import silence_stderr

# LiteRT is the successor of tflite-runtime, which older installations still have.
_RUNTIMES = (("ai_edge_litert.interpreter", "ai-edge-litert"), ("tflite_runtime.interpreter", "tflite-runtime"))
_CV_TYPES = {np.dtype(np.int8): cv2.CV_8S, np.dtype(np.uint8): cv2.CV_8U}


@dataclass(frozen=True)
class Tensor:
    """One input or output of a network."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    scale: float
    """Real = scale * (stored - zero_point); 0 for a float tensor."""
    zero_point: int
    index: int


def runtime() -> tuple[str, str]:
    """(package name, version) of the runtime in use. Raises ModelError when there is none."""
    _, package = _interpreter_class()
    return package, importlib.metadata.version(package)


def _interpreter_class() -> tuple[Any, str]:
    reasons = []
    for module, package in _RUNTIMES:
        try:
            return importlib.import_module(module).Interpreter, package
        except ImportError as error:
            reasons.append(f"{package}: {error}")
    raise ModelError(
        f"no TFLite runtime can be imported ({'; '.join(reasons)}); install one: pip install ai-edge-litert"
    )


def open_schema() -> ModuleType:
    """The classes of the .tflite format, generated from TensorFlow's schema.fbs. Raises ModelError without LiteRT."""
    try:
        return importlib.import_module("ai_edge_litert.schema_py_generated")
    except ImportError as error:
        raise ModelError(f"the layers of a network cannot be read ({error}); pip install ai-edge-litert") from error


class Network:
    """A .tflite file, ready to run. Not thread-safe: each thread needs its own."""

    def __init__(self, content: bytes, name: str, threads: int = 1) -> None:
        """Raises ModelError, with `name` in it, when the runtime cannot run `content`."""
        interpreter, package = _interpreter_class()
        try:
            with silence_stderr():  # each interpreter prints "Created XNNPACK delegate"
                self._interpreter = interpreter(model_content=content, num_threads=threads)
                self._interpreter.allocate_tensors()
            self.inputs = [_tensor(d) for d in self._interpreter.get_input_details()]
            self.outputs = [_tensor(d) for d in self._interpreter.get_output_details()]
        # A name that is not UTF-8 is a ValueError, too, and a type that numpy lacks a TypeError.
        except (ValueError, TypeError, RuntimeError, SystemError, MemoryError) as error:
            raise ModelError(f"{name}: {package} cannot run it ({error})") from error
        self.name = name

    def run(self, real: Floats) -> list[Floats]:
        """Run on real numbers in the shape of the first input. Returns a float32 array for each output."""
        stored = self.run_raw(quantize(real, self.inputs[0]))
        return [_dequantize(raw, tensor) for raw, tensor in zip(stored, self.outputs, strict=True)]

    def run_raw(self, stored: npt.NDArray[Any]) -> list[npt.NDArray[Any]]:
        """The same with numbers as the tensors store them (int8 in an int8 network)."""
        self._interpreter.set_tensor(self.inputs[0].index, stored)
        self._interpreter.invoke()
        return [self._interpreter.get_tensor(t.index) for t in self.outputs]


def _tensor(details: dict[str, Any]) -> Tensor:
    scale, zero_point = details["quantization"]
    shape = tuple(int(n) for n in details["shape"])
    return Tensor(details["name"], shape, np.dtype(details["dtype"]), float(scale), int(zero_point), details["index"])


def quantize(real: Floats, tensor: Tensor) -> npt.NDArray[Any]:
    """`real` as `tensor` stores it: rounded and clipped to 8 bits, or unchanged for a float tensor."""
    if not tensor.scale:
        return real.astype(tensor.dtype, copy=False)
    # OpenCV multiplies, adds, rounds and clips in one pass, in a quarter of the time of numpy's six.
    row = real.reshape(1, -1)
    stored = cv2.addWeighted(row, 1 / tensor.scale, row, 0, tensor.zero_point, dtype=_CV_TYPES[tensor.dtype])
    return np.asarray(stored).reshape(real.shape)


def _dequantize(stored: npt.NDArray[Any], tensor: Tensor) -> Floats:
    if not tensor.scale:
        return stored.astype(np.float32, copy=False)
    return ((stored.astype(np.float32) - tensor.zero_point) * tensor.scale).astype(np.float32)
