"""The lean baseline: BlazeFace short range on every frame, the best face aligned by its eyes, and our face network.

The minimum that somebody would write for this, with two libraries and none of Mien's code, so that it stays the same
while Mien changes.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from ai_edge_litert.interpreter import Interpreter

from tests.bench.peers.serving import serve

_MODELS = Path(__file__).parents[3] / "device" / "models"
_SIDE, _FACE = 128, 48


def _anchors() -> Any:
    parts = []
    for cells, each in ((16, 2), (8, 6)):
        at = (np.arange(cells) + 0.5) / cells
        x, y = np.meshgrid(at, at)
        parts.append(np.repeat(np.stack([x.ravel(), y.ravel()], axis=1), each, axis=0))
    return np.concatenate(parts).astype(np.float32)


class Network:
    def __init__(self, name: str) -> None:
        self.interpreter = Interpreter(str(_MODELS / name), num_threads=1)
        self.interpreter.allocate_tensors()
        self.input = self.interpreter.get_input_details()[0]
        self.outputs = sorted(self.interpreter.get_output_details(), key=lambda details: details["shape"][-1])

    def run(self, values: Any) -> list[Any]:
        self.interpreter.set_tensor(self.input["index"], values)
        self.interpreter.invoke()
        return [self.interpreter.get_tensor(details["index"]) for details in self.outputs]


def read_face(network: Network, crop: Any) -> Any:
    """(48, 48) uint8 gray -> the network's int8 logits."""
    pixels = crop.astype(np.float32)
    pixels = (pixels - pixels.mean()) / max(float(pixels.std()), 4.0)
    scale, zero = network.input["quantization"]
    stored = np.clip(np.rint(pixels / scale) + zero, -128, 127).astype(np.int8)
    return network.run(stored[None, :, :, None])[0]


def load() -> Callable[[Any], int]:
    detector, face, anchors = Network("face_detection_short_range.tflite"), Network("face.tflite"), _anchors()

    def read(pixels: Any) -> int:
        height, width = pixels.shape[:2]
        longest = max(height, width)
        scale = _SIDE / longest
        small = cv2.resize(pixels, (round(width * scale), round(height * scale)))
        square = np.zeros((_SIDE, _SIDE, 3), np.uint8)
        top, left = (_SIDE - small.shape[0]) // 2, (_SIDE - small.shape[1]) // 2
        square[top : top + small.shape[0], left : left + small.shape[1]] = small
        logits, boxes = detector.run((square[None].astype(np.float32) - 127.5) / 127.5)
        best = int(logits.argmax())
        if logits.ravel()[best] < 0:
            return 0
        points = boxes.reshape(-1, 8, 2)[best, 2:4] + anchors[best] * _SIDE
        right, left_eye = (points - [left, top]) / scale
        across, middle = left_eye - right, (left_eye + right) / 2
        size = 0.37 * _FACE / max(float(np.hypot(*across)), 1.0)
        angle = np.arctan2(across[1], across[0])
        cos, sin = size * np.cos(angle), size * np.sin(angle)
        matrix = np.array([[cos, sin, 0], [-sin, cos, 0]])
        matrix[:, 2] = np.array([_FACE / 2, 0.39 * _FACE]) - matrix[:, :2] @ middle
        gray = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
        read_face(face, cv2.warpAffine(gray, matrix, (_FACE, _FACE), borderMode=cv2.BORDER_REPLICATE))
        return 1

    return read


if __name__ == "__main__":
    serve(load)
