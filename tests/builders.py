"""Media files made for tests, by the libraries that also read them."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import numpy.typing as npt

from device.emotions import Floats
from device.readings import Face
from device.sense.simulator.face import Pose, draw

Pixels = npt.NDArray[np.uint8]


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


RED, GREEN = (220, 20, 20), (20, 200, 20)


def half_red() -> Pixels:
    """A picture of 80x48 px, RED on the left and GREEN on the right."""
    pixels = np.full((48, 80, 3), GREEN, np.uint8)
    pixels[:, :40] = RED
    return pixels


def shade(index: int) -> int:
    """How bright picture `index` of a made video is."""
    return 20 + 10 * index % 220


def video(
    path: Path,
    pictures: int,
    fps: int = 10,
    *,
    sound: bool = False,
    options: dict[str, str] | None = None,
    aspect: Fraction = Fraction(1),
) -> Path:
    """Plain pictures, each 10 brighter than the one before, left half only; with a chirp of the same length.

    `aspect`: how wide a pixel is, its height being 1.
    """
    with av.open(str(path), "w", options=options or {}) as container:
        stream = container.add_stream("mpeg4", rate=fps)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.sample_aspect_ratio = aspect
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


def astronaut() -> Pixels:
    """A real face: NASA's portrait of Eileen Collins (public domain), (512, 512, 3) RGB; scikit-image brings it."""
    from skimage import data

    return np.asarray(data.astronaut(), np.uint8)  # type: ignore[no-untyped-call]


def shrunk(pixels: Pixels, side_px: int) -> Pixels:
    return np.asarray(cv2.resize(pixels, (side_px, side_px), interpolation=cv2.INTER_AREA), np.uint8)


def portrait() -> Pixels:
    """One real face of about 100 px in 640x480."""
    canvas = np.full((480, 640, 3), 90, np.uint8)
    canvas[:, 80:560] = shrunk(astronaut(), 480)
    return canvas


def heads(places: list[tuple[int, int, int]], width_px: int = 640, height_px: int = 480) -> Pixels:
    """The astronaut's head at each (x, y, side); the face in it has a little under half the side."""
    canvas = np.full((height_px, width_px, 3), (90, 80, 70), np.uint8)
    head = astronaut()[0:230, 110:340]
    for x, y, side in places:
        canvas[y : y + side, x : x + side] = shrunk(head, side)
    return canvas


def group() -> Pixels:
    """Four real faces of 45 to 100 px."""
    return heads([(20, 30, 200), (260, 40, 150), (450, 60, 110), (300, 260, 190)])


def drawn(*people: tuple[tuple[float, float], float, Pose], width_px: int = 640, height_px: int = 480) -> Pixels:
    """Drawn people, each (centre, height, pose) in px, in a plain room."""
    canvas = np.full((height_px, width_px, 3), (96, 104, 112), np.uint8)
    for centre, height, pose in people:
        draw(canvas, centre, height, pose)
    return canvas


def noisy(pixels: Pixels, seed: int, deviation: float = 4.0) -> Pixels:
    """As a sensor sees it."""
    noise = np.random.default_rng(seed).normal(0, deviation, pixels.shape)
    return np.clip(pixels + noise, 0, 255).astype(np.uint8)


def face_at(x: float, y: float, size: float, score: float = 0.9, crop: Pixels | None = None) -> Face:
    """A face as a detector gives it: its box, the eyes level, the nose between them."""
    shares = [[0.33, 0.35], [0.67, 0.35], [0.5, 0.58], [0.5, 0.78], [0.05, 0.4], [0.95, 0.4]]
    points = (np.array(shares) * size + [x, y]).astype(np.float32)
    return Face((x, y, size, size), score, points, crop)


def noises() -> dict[str, Floats]:
    """Three seconds each of what is no voice."""
    rng, t = np.random.default_rng(0), np.arange(48_000) / 16_000
    clicks = 1e-4 * rng.normal(size=len(t))
    clicks[4000::8000] += 0.9
    one = 1e-4 * rng.normal(size=len(t))
    one[20_000:20_080] += 0.8
    sounds = {
        "silence": np.zeros(len(t)),
        "hiss": 1e-4 * rng.normal(size=len(t)),
        "white noise": 0.1 * rng.normal(size=len(t)),
        "hum": 0.1 * np.sum([np.sin(2 * np.pi * 50 * k * t) / k for k in range(1, 8)], axis=0),
        "tone": 0.3 * np.sin(2 * np.pi * 440 * t),
        "one click": one,
        "clicks": clicks,
    }
    return {name: sound.astype(np.float32) for name, sound in sounds.items()}


def chords(seconds: float = 6.0) -> Floats:
    """A band without a singer: four struck chords, again and again."""
    t = np.arange(12_000) / 16_000
    bars = ((262, 330, 392), (220, 262, 330), (175, 220, 262), (196, 247, 294))
    struck = [0.1 * np.sum([np.sin(2 * np.pi * f * t) for f in chord], axis=0) * np.exp(-3 * t) for chord in bars]
    song = np.tile(np.concatenate(struck), int(seconds / 3) + 1)[: int(seconds * 16_000)]
    return song.astype(np.float32)


def film(
    path: Path, pictures: list[Pixels], fps: int = 10, sound: Floats | None = None, aspect: Fraction = Fraction(1)
) -> Path:
    """A video of these pictures, with a 16 kHz sound track if there is a sound."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=fps, options={"qscale": "2"})
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.codec_context.sample_aspect_ratio = aspect
        voice = container.add_stream("aac", rate=16_000, layout="mono") if sound is not None else None
        for pixels in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, "rgb24")))
        container.mux(stream.encode(None))
        if voice is not None and sound is not None:
            frame = av.AudioFrame.from_ndarray(sound[None], "fltp", "mono")
            frame.sample_rate = 16_000
            container.mux(voice.encode(frame))
            container.mux(voice.encode(None))
    return path
