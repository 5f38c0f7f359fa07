"""`fer` with MTCNN, its better detector.

With a CPU-only PyTorch, torchvision's wheel cannot load its library. MTCNN needs only one function of it, non-maximum
suppression, which OpenCV's replaces here. It is no slower.
"""

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

from tests.bench.peers.serving import serve


def batched_nms(corners: Any, scores: Any, levels: Any, overlap: float) -> Any:
    import cv2
    import torch

    if not len(corners):
        return torch.empty(0, dtype=torch.int64)
    # Move boxes of different levels apart, as torchvision does.
    moved = (corners + (levels.to(corners) * (corners.max() + 1))[:, None]).numpy()
    sizes = moved[:, 2:] - moved[:, :2]
    rectangles = [[*low, *size] for low, size in zip(moved[:, :2].tolist(), sizes.tolist(), strict=True)]
    selected = cv2.dnn.NMSBoxes(rectangles, scores.tolist(), 0.0, overlap)
    return torch.as_tensor(selected, dtype=torch.int64).reshape(-1)


def load() -> Callable[[Any], int]:
    for name in ("torchvision", "torchvision.ops", "torchvision.ops.boxes", "torchvision.transforms"):
        sys.modules[name] = ModuleType(name)
    vars(sys.modules["torchvision.ops.boxes"])["batched_nms"] = batched_nms
    vars(sys.modules["torchvision.transforms"])["functional"] = None
    from tests.bench.peers.fer_haar import load as load_fer

    return load_fer(mtcnn=True)


serve(load)
