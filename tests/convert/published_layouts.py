"""Small sets with the folders and names of the published corpora, and lists of all their names."""

import csv
import itertools
import wave
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import cast

import av
import cv2
import numpy as np
import numpy.typing as npt

Gray = npt.NDArray[np.uint8]

USAGES = ("Training", "PublicTest", "PrivateTest")
FER2013 = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")


def touched(folder: Path, names: Iterable[str]) -> Path:
    """Empty files: a reader lists a corpus without opening it."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return folder


def tone(path: Path, pitch_hz: float = 220.0, seconds: float = 0.2, rate_hz: int = 16_000) -> Path:
    """A WAV file of one steady tone, 16 bit, mono."""
    path.parent.mkdir(parents=True, exist_ok=True)
    waves = np.sin(2 * np.pi * pitch_hz * np.arange(int(seconds * rate_hz)) / rate_hz)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes((waves * 8000).astype("<i2").tobytes())
    return path


def noise(seed: int, side: int = 48) -> Gray:
    """(side, side) uint8, different for every seed."""
    return np.random.default_rng(seed).integers(0, 256, (side, side), np.uint8)


def picture(path: Path, pixels: Gray) -> Path:
    """A picture file of the suffix's type."""
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), pixels)
    return path


def video(path: Path, *, sound: bool = True) -> Path:
    """A quarter of a second of moving gray, with or without a tone; a file of the suffix's type."""
    path.parent.mkdir(parents=True, exist_ok=True)
    codec, voice = {".flv": ("flv", "mp3"), ".mp4": ("libx264", "aac"), ".avi": ("mpeg4", "pcm_s16le")}[path.suffix]
    with av.open(str(path), "w") as container:
        stream = cast(av.VideoStream, container.add_stream(codec, rate=25))
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        track = cast(av.AudioStream, container.add_stream(voice, rate=44_100, layout="mono")) if sound else None
        for i in range(6):
            shade = np.full((48, 64, 3), 40 * i, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(shade, format="rgb24")))
        container.mux(stream.encode(None))
        if track is not None:
            samples = (8000 * np.sin(np.arange(11_025) / 20)).astype(np.int16)
            audio = av.AudioFrame.from_ndarray(samples[None], format="s16", layout="mono")
            audio.sample_rate = 44_100
            resampler = av.AudioResampler(track.format, "mono", 44_100, frame_size=track.frame_size or 1024)
            for piece in [*resampler.resample(audio), *resampler.resample(None)]:
                container.mux(track.encode(piece))
            container.mux(track.encode(None))
    return path


# Every name of a corpus


def ravdess_names(channel: str, modality: str = "03", suffix: str = "wav") -> list[str]:
    """RAVDESS below its Actor folders: 1,440 of channel 01, 1,012 of channel 02."""
    emotions = range(1, 9) if channel == "01" else range(1, 7)
    actors = [a for a in range(1, 25) if channel == "01" or a != 18]
    return [
        f"Actor_{actor:02d}/{modality}-{channel}-{emotion:02d}-0{strength}-0{sentence}-0{take}-{actor:02d}.{suffix}"
        for actor, emotion, strength, sentence, take in itertools.product(actors, emotions, (1, 2), (1, 2), (1, 2))
        if emotion > 1 or strength == 1
    ]


def tess_names() -> list[str]:
    """2,800, with the one that is misnamed."""
    folders = {
        "angry": "angry",
        "disgust": "disgust",
        "Fear": "fear",
        "happy": "happy",
        "neutral": "neutral",
        "pleasant_surprised": "ps",
        "sad": "sad",
    }
    letters = "abcdefghij"
    words = ["bite", *("w" + a + b for a, b in itertools.product(letters + letters.upper(), letters))][:200]
    names = [
        f"{woman}_{folder}/{woman}_{word}_{code}.wav"
        for woman, (folder, code), word in itertools.product(("OAF", "YAF"), folders.items(), words)
    ]
    return [name.replace("OAF_bite_neutral", "OA_bite_neutral") for name in names]


def savee_names(*, flat: bool = False, suffix: str = "wav") -> list[str]:
    """480."""
    takes = {"a": 15, "d": 15, "f": 15, "h": 15, "n": 30, "sa": 15, "su": 15}
    return [
        f"{man}{'_' if flat else '/'}{code}{take:02d}.{suffix}"
        for man in ("DC", "JE", "JK", "KL")
        for code, count in takes.items()
        for take in range(1, count + 1)
    ]


def cremad_names(folder: str = "AudioWAV", suffix: str = "wav") -> list[str]:
    """7,442, with the one that is misnamed."""
    emotions = ("ANG", "DIS", "FEA", "HAP", "NEU", "SAD")
    sentences = ("DFA", "IEO", "IOM", "ITH", "ITS", "IWL", "IWW", "MTI", "TAI", "TIE", "TSI", "WSI")
    plain = itertools.product(range(1001, 1092), sentences, emotions, ("XX",))
    louder = itertools.product(range(1001, 1092), ("IEO",), emotions, ("HI", "LO"))
    names = ["{}_{}_{}_{}".format(*words) for words in itertools.chain(plain, louder)][:7442]
    return [f"{folder}/{name}.{suffix}".replace("1040_ITH_SAD_XX", "1040_ITH_SAD_X") for name in names]


def emodb_names() -> list[str]:
    """535."""
    speakers = ("03", "08", "09", "10", "11", "12", "13", "14", "15", "16")
    sentences = ("a01", "a02", "a04", "a05", "a07", "b01", "b02", "b03")
    return [f"wav/{s}{t}{e}a.wav" for s, t, e in itertools.product(speakers, sentences, "WLEAFTN")][:535]


def jaffe_names() -> list[str]:
    """213."""
    who = ("KA", "KL", "KM", "KR", "MK", "NA", "NM", "TM", "UY", "YM")
    names = itertools.product("1234", who, ("AN", "DI", "FE", "HA", "NE", "SA", "SU"))
    return [f"{w}.{e}{take}.{i}.tiff" for i, (take, w, e) in enumerate(names, 1)][:213]


# FER2013 in its forms


def fer2013_faces(of_each: int = 14) -> tuple[Gray, list[int], list[int]]:
    """(pictures, labels, usages): `of_each` rows of every usage; PrivateTest's first picture is Training's first."""
    count = 3 * of_each
    pictures = np.array([noise(i) for i in range(count)])
    pictures[2 * of_each] = pictures[0]
    return pictures, [i % 7 for i in range(count)], [i // of_each for i in range(count)]


def pixel_table(
    path: Path, pictures: Gray, labels: Sequence[int], usages: Sequence[int], columns: str = "emotion,pixels,Usage"
) -> Path:
    """The faces as text, in the columns' order."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [columns]
    for pixels, label, usage in zip(pictures, labels, usages, strict=True):
        text = " ".join(map(str, pixels.ravel()))
        cells = {"emotion": str(label), "pixels": text, "usage": USAGES[usage]}
        lines.append(",".join(cells[name.strip().lower()] for name in columns.split(",")))
    path.write_text("\n".join(lines) + "\n")
    return path


def ferplus_table(path: Path, votes: Sequence[Sequence[int]], usages: Sequence[int]) -> Path:
    """FER+'s fer2013new.csv."""
    columns = "Usage,Image name,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF"
    with path.open("w", newline="") as table:
        rows = csv.writer(table)
        rows.writerow(columns.split(","))
        for i, (vote, usage) in enumerate(zip(votes, usages, strict=True)):
            rows.writerow([USAGES[usage], f"fer{i:07d}.png", *vote])
    return path


def fer2013_folders(
    folder: Path, pictures: Gray, labels: Sequence[int], usages: Sequence[int], levels: Sequence[str] = USAGES
) -> Path:
    """One folder per emotion below the three `levels`, lossless, with names that keep the order."""
    for i, (pixels, label, usage) in enumerate(zip(pictures, labels, usages, strict=True)):
        picture(folder / levels[usage] / FER2013[label] / f"{i:06d}.png", pixels)
    return folder
