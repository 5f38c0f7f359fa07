"""What makes a face network work on strangers: other frames, light, focus and cameras than the corpus had."""

import cv2
import numpy as np
import numpy.typing as npt

Picture = npt.NDArray[np.uint8]


def augment(picture: Picture, rng: np.random.Generator, strength: float = 1.0) -> Picture:
    """A changed copy of one (n, n) uint8 gray face, its emotion kept; `strength` 0..1 scales how often, but the flip.

    A small network asked for all of it all the time learns too little of anything: train on much of it first, and
    end on little.
    """
    side = picture.shape[0]
    # A detector's crop is rarely framed as FER2013 was: tighter, looser, tilted, off centre.
    wide = rng.random() < 0.35 * strength
    angle = rng.normal(0, 9 if wide else 5)
    scale = float(np.exp(rng.uniform(-0.15, 0.38) if wide else rng.normal(0, 0.05)))
    matrix: npt.NDArray[np.float64] = np.asarray(
        cv2.getRotationMatrix2D((side / 2 - 0.5, side / 2 - 0.5), angle, scale), np.float64
    )
    matrix[:, 2] += rng.normal(0, 0.035 * side, 2)
    if rng.random() < 0.5:
        matrix[0] *= -1
        matrix[0, 2] += side - 1
    changed = cv2.warpAffine(picture, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    pixels: npt.NDArray[np.floating] = changed.astype(np.float32)
    if rng.random() < 0.2 * strength:  # light from one side
        across = np.linspace(-1, 1, side, dtype=np.float32)
        direction = rng.uniform(0, 2 * np.pi)
        slope = np.cos(direction) * across[None, :] + np.sin(direction) * across[:, None]
        pixels *= 1 + rng.uniform(0, 0.45) * slope
    if rng.random() < 0.2 * strength:  # another camera's tone curve
        pixels = 255 * np.clip(pixels / 255, 0, 1) ** float(np.exp(rng.normal(0, 0.35)))
    if rng.random() < 0.15 * strength:  # a face farther away, enlarged
        small = int(rng.integers(side // 2, side))
        smaller = cv2.resize(pixels, (small, small), interpolation=cv2.INTER_AREA)
        pixels = np.asarray(cv2.resize(smaller, (side, side)), np.float32)
    if rng.random() < 0.1 * strength:
        pixels = np.asarray(cv2.GaussianBlur(pixels, (0, 0), rng.uniform(0.4, 1.0)), np.float32)
    if rng.random() < 0.15 * strength:
        pixels = pixels + rng.normal(0, rng.uniform(2, 10), pixels.shape)
    if rng.random() < 0.3 * strength:  # a hand, a cup, hair
        height, width = rng.integers(side // 8, side // 3, 2)
        top, left = rng.integers(0, side - height), rng.integers(0, side - width)
        pixels[top : top + height, left : left + width] = rng.uniform(0, 255)
    return np.clip(pixels, 0, 255).astype(np.uint8)
