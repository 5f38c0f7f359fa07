"""Small corpora in the published layouts, made of the simulator's faces and voices."""

import csv
import io
import zipfile
from collections.abc import Sequence
from pathlib import Path

import av
import cv2
import numpy as np

from device.emotions import EMOTIONS, Floats
from device.sense.simulator.face import draw
from device.sense.simulator.poses import POSES, PROSODIES
from device.sense.simulator.voice import speak

COUNT, ACROSS, DOWN = 35_887, 128, 281
DRAWN = 240


def fer2013(folder: Path) -> None:
    """The full sheet of 35,887 tiles; 3 × DRAWN of them hold faces, the rest is blank and voted not-a-face."""
    rng = np.random.default_rng(0)
    usage = np.zeros(COUNT, np.uint8)
    usage[28_709:32_298], usage[32_298:] = 1, 2
    labels = np.zeros(COUNT, np.uint8)
    votes = np.zeros((COUNT, 10), np.uint8)
    votes[:, 9] = 10
    tiles = np.zeros((ACROSS * DOWN, 48, 48), np.uint8)
    for begin in (0, 28_709, 32_298):
        for i in range(DRAWN):
            label = i % 7
            pixels = np.full((96, 96, 3), 110, np.uint8)
            place = (48 + rng.normal(0, 2), 50 + rng.normal(0, 2))
            draw(pixels, place, 88 + rng.normal(0, 3), POSES[EMOTIONS[label]])
            tiles[begin + i] = cv2.resize(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), (48, 48))
            labels[begin + i] = label
            votes[begin + i] = [10, *[0] * 9]
    group = np.arange(COUNT, dtype=np.int32)
    group[32_298] = 0  # PrivateTest's first picture is Training's first
    tiles[32_298] = tiles[0]
    folder.mkdir(parents=True)
    sheet = tiles.reshape(DOWN, ACROSS, 48, 48).swapaxes(1, 2).reshape(DOWN * 48, ACROSS * 48)
    cv2.imwrite(str(folder / "faces.png"), sheet, [cv2.IMWRITE_PNG_COMPRESSION, 1])
    np.savez(folder / "labels.npz", fer2013_label=labels, usage=usage, ferplus_votes=votes, dup_group=group)


def savee(folder: Path) -> None:
    """Four speakers, seven emotions, two sentences each, as Opus in a zip beside a table."""
    rows = []
    sounds = {}
    for number, speaker in enumerate(("DC", "JE", "JK", "KL")):
        for emotion in EMOTIONS:
            for take in (1, 2):
                name = f"{speaker}_{emotion.value[:2]}{take:02d}"
                prosody = PROSODIES[emotion]
                sounds[name] = speak(prosody, 2.5, 10 * number + take)
                rows.append(
                    [name, "savee", f"SAVEE_{speaker}", "M", emotion.value, "", take, take, 2.5, 44_100, 1, 1.0]
                )
    columns = "name corpus speaker sex emotion intensity statement take duration orig_sr orig_channels orig_peak"
    _write(folder, "savee", columns.split(), rows, sounds)


def esc10(folder: Path) -> None:
    """Ten hisses and hums."""
    rng = np.random.default_rng(0)
    kinds = ["rain", "clock_tick", "crying_baby", "dog_bark", "helicopter"]
    rows = [[f"1-{i}-A", "ESC-10", kinds[i % 5], 1, 2.0, 0.01, 44_100] for i in range(10)]
    sounds = {str(row[0]): rng.normal(0, 0.05, 32_000).astype(np.float32) for row in rows}
    _write(folder, "esc10", ["name", "corpus", "label", "fold", "duration", "mean_abs", "orig_sr"], rows, sounds)


def _write(
    folder: Path, name: str, columns: list[str], rows: Sequence[Sequence[object]], sounds: dict[str, Floats]
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{name}.csv").open("w", newline="") as table:
        csv.writer(table).writerows([columns, *rows])
    with zipfile.ZipFile(folder / f"{name}.zip", "w") as archive:
        for sound, samples in sounds.items():
            archive.writestr(f"{sound}.opus", _opus(samples))


def _opus(samples: Floats) -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format="ogg") as container:
        stream = container.add_stream("libopus", rate=48_000, layout="mono")
        resampler = av.AudioResampler("flt", "mono", 48_000, frame_size=960)
        frame = av.AudioFrame.from_ndarray(samples[None], format="flt", layout="mono")
        frame.sample_rate = 16_000
        for piece in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(stream.encode(piece))
        container.mux(stream.encode(None))
    return file.getvalue()


def everything(folder: Path) -> Path:
    """Everything `python -m convert` needs, in one folder."""
    fer2013(folder / "fer2013")
    savee(folder / "speech")
    esc10(folder / "noise")
    return folder
