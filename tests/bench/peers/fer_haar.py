"""`fer` with its defaults: OpenCV's Haar cascade and its small network."""

from collections.abc import Callable
from typing import Any

from tests.bench.peers.serving import serve


def load(*, mtcnn: bool = False) -> Callable[[Any], int]:
    from fer.fer import FER  # type: ignore[import-not-found]

    detector = FER(mtcnn=mtcnn)
    # It expects pictures in OpenCV's order, BGR.
    return lambda pixels: len(detector.detect_emotions(pixels[:, :, ::-1].copy()))


if __name__ == "__main__":
    serve(load)
