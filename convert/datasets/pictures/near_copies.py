"""Groups of pictures that show the same photograph: copies must not be on both sides of a split."""

import cv2
import numpy as np
import numpy.typing as npt

_MIN_CORRELATION = 0.93
"""Correlation of the inner faces at 22×18. Every pair above it, checked by eye, was one photograph, only
brightened or cropped differently."""
_CHUNK = 1000


def group_near_copies(pictures: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    """(n, s, s) uint8 gray faces -> (n,) int64: the first row that a picture is a copy of, or its own.

    Compares only the inner face (rows 0.19 to 0.87 of the side, columns 0.22 to 0.78), also mirrored: pictures that
    are black outside the face's outline would all look alike as a whole.
    """
    side = pictures.shape[1]
    inner = pictures[:, int(0.19 * side) : int(0.87 * side), int(0.22 * side) : int(0.78 * side)]
    small = np.stack([cv2.resize(face, (18, 22), interpolation=cv2.INTER_AREA) for face in inner])
    upright, mirrored = _standardized(small), _standardized(small[:, :, ::-1])
    first = np.arange(len(pictures))
    for start in range(0, len(pictures), _CHUNK):
        part = upright[start : start + _CHUNK]
        alike = np.maximum(part @ upright.T, part @ mirrored.T) > _MIN_CORRELATION
        for row, other in zip(*np.nonzero(alike), strict=True):
            _join(first, start + int(row), int(other))
    return np.array([_root(first, row) for row in range(len(first))], np.int64)


def _standardized(small: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    rows = small.reshape(len(small), -1).astype(np.float32)
    rows -= rows.mean(axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6), np.float32)


def _root(first: npt.NDArray[np.int64], row: int) -> int:
    while first[row] != row:
        first[row] = first[first[row]]
        row = int(first[row])
    return row


def _join(first: npt.NDArray[np.int64], one: int, other: int) -> None:
    roots = sorted((_root(first, one), _root(first, other)))
    first[roots[1]] = roots[0]
