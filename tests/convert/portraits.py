"""Small copies of webfaces and people, in their own layout: ovals on black, each of a pattern of its own."""

import csv
import zipfile
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

EMOTIONS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
Picture = npt.NDArray[np.uint8]


def portrait(seed: int, side: int = 64) -> Picture:
    """An oval of its own pattern, black around it."""
    pattern = np.random.default_rng(seed).integers(60, 255, (6, 6)).astype(np.uint8)
    face = cv2.resize(pattern, (side, side), interpolation=cv2.INTER_CUBIC)
    mask = np.zeros((side, side), np.uint8)
    cv2.ellipse(mask, (side // 2, side // 2), (int(0.42 * side), int(0.49 * side)), 0, 0, 360, 1, -1)
    return np.asarray(np.maximum(face, 30) * mask, np.uint8)


def webp(picture: Picture) -> bytes:
    return bytes(cv2.imencode(".webp", picture, [cv2.IMWRITE_WEBP_QUALITY, 101])[1])


def write_archive(folder: Path, name: str, columns: list[str], rows: list[list[str]], pictures: list[Picture]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{name}.csv").open("w", newline="") as table:
        csv.writer(table).writerows([columns, *rows])
    with zipfile.ZipFile(folder / f"{name}.zip", "w") as archive:
        for row, picture in zip(rows, pictures, strict=True):
            archive.writestr(f"{row[0]}.webp", webp(picture))


def webfaces(folder: Path, train: int = 140, test: int = 14) -> list[Picture]:
    """The pictures in the csv's order: of the train split, then of the test split."""
    pictures = [portrait(seed) for seed in range(train + test)]
    pictures[1] = np.asarray(np.minimum(pictures[0] * 1.2, 255), np.uint8)  # a copy within the train split
    pictures[2] = pictures[train].copy()  # a copy of a test picture
    pictures[3] = pictures[train + 1][:, ::-1].copy()  # and a mirrored one
    rows = [[f"{i:05}", "test" if i >= train else "train", EMOTIONS[i % 7], "", "0.5"] for i in range(train + test)]
    write_archive(folder, "webfaces", ["name", "split", "emotion", "near_copy", "ncc_fer_test"], rows, pictures)
    return pictures


def people(folder: Path) -> None:
    rows = [
        [f"{i:05}", str(age), sex, ethnicity]
        for i, (age, sex, ethnicity) in enumerate(
            [(3, "f", "white"), (9, "m", "black"), (10, "f", "asian"), (64, "m", "indian"), (65, "f", "other")]
        )
    ]
    write_archive(
        folder, "people", ["name", "age", "sex", "ethnicity"], rows, [portrait(900 + i) for i in range(len(rows))]
    )
