"""Media files made for tests, by the libraries that also read them."""

from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import numpy.typing as npt

from device.emotions import Floats


def chirp(seconds: float, rate_hz: int = 16_000) -> Floats:
    """A tone that rises from 300 to 3000 Hz, at half of full scale: it correlates with itself at one place only."""
    t = np.arange(int(seconds * rate_hz)) / rate_hz
    return (0.5 * np.sin(2 * np.pi * (300 * t + 1350 * t**2 / seconds))).astype(np.float32)


def wav(path: Path, samples: Floats, rate_hz: int = 16_000) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=rate_hz, layout="mono")
        frame = av.AudioFrame.from_ndarray((samples * 32767).astype(np.int16)[None], "s16", "mono")
        frame.sample_rate = rate_hz
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def shade(index: int) -> int:
    """How bright picture `index` of a made video is."""
    return 20 + 10 * index % 220


def video(
    path: Path, pictures: int, fps: int = 10, *, sound: bool = False, options: dict[str, str] | None = None
) -> Path:
    """Plain pictures, each 10 brighter than the one before, left half only; with a chirp of the same length."""
    with av.open(str(path), "w", options=options or {}) as container:
        stream = container.add_stream("mpeg4", rate=fps)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        voice = container.add_stream("aac", rate=16_000, layout="mono") if sound else None
        for index in range(pictures):
            pixels = np.full((48, 64, 3), 16, np.uint8)
            pixels[:, :32] = shade(index)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, "rgb24")))
        container.mux(stream.encode(None))
        if voice is not None:
            frame = av.AudioFrame.from_ndarray(chirp(pictures / fps)[None], "fltp", "mono")
            frame.sample_rate = 16_000
            container.mux(voice.encode(frame))
            container.mux(voice.encode(None))
    return path


def picture(path: Path, pixels_rgb: npt.NDArray[np.integer[Any]]) -> Path:
    assert cv2.imwrite(str(path), np.ascontiguousarray(pixels_rgb[..., ::-1]) if pixels_rgb.ndim == 3 else pixels_rgb)
    return path


def jpeg(pixels_rgb: npt.NDArray[np.uint8], quality: int = 95) -> bytes:
    return cv2.imencode(".jpg", np.ascontiguousarray(pixels_rgb[..., ::-1]), [cv2.IMWRITE_JPEG_QUALITY, quality])[
        1
    ].tobytes()


def turned(data: bytes, orientation: int) -> bytes:
    """A JPEG with an EXIF note on how it is to be turned."""
    tiff = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01" + bytes((0, orientation)) + b"\0\0\0\0\0\0"
    body = b"Exif\0\0" + tiff
    return data[:2] + b"\xff\xe1" + (len(body) + 2).to_bytes(2, "big") + body + data[2:]
