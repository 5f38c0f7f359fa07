"""A picture's size is known before it is unpacked, whatever wrote it."""

import struct
from pathlib import Path

import cv2
import numpy as np
import pytest

from device.errors import MediaError
from device.perception.media import decode
from device.perception.media.image_header import size_px

_PIXELS = np.random.default_rng(0).integers(0, 255, (41, 67, 3), np.uint8)
_WRITTEN = {
    "a.png": [],
    "a.jpg": [],
    "progressive.jpg": [cv2.IMWRITE_JPEG_PROGRESSIVE, 1],
    "a.bmp": [],
    "a.gif": [],
    "a.tiff": [],
    "a.jp2": [],
    "a.avif": [],
    "lossy.webp": [cv2.IMWRITE_WEBP_QUALITY, 80],
    "lossless.webp": [cv2.IMWRITE_WEBP_QUALITY, 101],
    "a.ppm": [],
    "text.ppm": [cv2.IMWRITE_PXM_BINARY, 0],
    "a.pbm": [],
}


def _tiff(order: str, width: int, height: int, kind: int = 4) -> bytes:
    """A grey TIFF that holds no more than its header."""
    entries = [(256, kind, width), (257, kind, height), (258, 3, 8), (262, 3, 1), (273, 4, 8), (278, 4, height)]
    entries += [(277, 3, 1), (279, 4, 1), (259, 3, 8)]
    value = {3: "HHIHxx", 4: "HHII"}
    packed = b"".join(struct.pack(order + value[k], tag, k, 1, number) for tag, k, number in sorted(entries))
    begin = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", 8)
    return begin + struct.pack(f"{order}H", len(entries)) + packed + bytes(4)


def _webp(kind: bytes, body: bytes) -> bytes:
    return b"RIFF\0\0\0\0WEBP" + kind + b"\0\0\0\0" + body + bytes(30)


_HUGE = 16_000
_BOMBS = {
    "little.tif": _tiff("<", _HUGE, _HUGE),
    "big.tif": _tiff(">", _HUGE, _HUGE),
    "short.tif": _tiff(">", _HUGE, _HUGE, kind=3),
    "plain.webp": _webp(b"VP8 ", b"\0\0\0\x9d\x01\x2a" + struct.pack("<HH", _HUGE, _HUGE)),
    "lossless.webp": _webp(b"VP8L", b"\x2f" + struct.pack("<I", (_HUGE - 1) | (_HUGE - 1) << 14)),
    "grey.pgm": b"P5 # made by hand\n16000\n#here too\n16000 255\n" + bytes(100),
    "a.pbm": b"P4\n16000 16000\n" + bytes(100),
    "a.jp2": b"\0\0\0\x0cjP  \r\n\x87\n\0\0\0\x16ihdr" + struct.pack(">II", _HUGE, _HUGE) + bytes(30),
    "a.avif": b"\0\0\0\x1cftypavif" + bytes(40) + b"ispe\0\0\0\0" + struct.pack(">II", _HUGE, _HUGE) + bytes(30),
    "arithmetic.jpg": b"\xff\xd8\xff\xc9" + struct.pack(">HBHH", 17, 8, _HUGE, _HUGE) + bytes(10) + b"\xff\xda\xff\xd9",
}


@pytest.mark.parametrize("name", _WRITTEN)
def test_the_size_is_that_of_the_picture(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    pixels = _PIXELS[..., 0] if name.endswith("pbm") else _PIXELS
    assert cv2.imwrite(str(path), pixels, _WRITTEN[name])
    assert size_px(path.read_bytes()) == (67, 41)
    assert decode.read_picture(path).shape == (41, 67, 3)


@pytest.mark.parametrize("name", _BOMBS)
def test_too_large_is_refused_before_it_is_unpacked(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cv2, "imdecode", lambda *_: pytest.fail("unpacked"))
    (tmp_path / name).write_bytes(_BOMBS[name])
    with pytest.raises(MediaError, match=rf"{name}: 256 megapixels; at most 100"):
        decode.read_picture(tmp_path / name)


@pytest.mark.parametrize("start", [b"#?RADIANCE\n", b"\x59\xa6\x6a\x95", b"II+\0", b"P7\n", b"II*\0", b"P5\n", b"RIFF"])
def test_what_does_not_say_how_large_it_is_is_not_unpacked(
    tmp_path: Path, start: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cv2, "imdecode", lambda *_: pytest.fail("unpacked"))
    (tmp_path / "odd.tif").write_bytes(start + bytes(200))
    with pytest.raises(MediaError, match=r"odd\.tif: no picture"):
        decode.read_picture(tmp_path / "odd.tif")


@pytest.mark.parametrize("text", [b"BMW is a car, and P5 is none.", b"P5 is a level of noise.\n", b"P1"])
def test_a_text_is_no_picture_however_it_begins(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "car.txt").write_bytes(text)
    with pytest.raises(MediaError, match=r"car\.txt: neither picture, sound nor video"):
        decode.kind_of(tmp_path / "car.txt")
    with pytest.raises(MediaError, match=r"car\.txt: no picture"):
        decode.read_picture(tmp_path / "car.txt")


def test_a_bitmap_of_long_ago_is_read(tmp_path: Path) -> None:
    rows = b"".join(bytes((10, 20, 30)) * 5 + b"\0" for _ in range(3))
    old = b"BM" + struct.pack("<IHHI", 26 + len(rows), 0, 0, 26) + struct.pack("<IHHHH", 12, 5, 3, 1, 24) + rows
    (tmp_path / "old.bmp").write_bytes(old)
    assert decode.kind_of(tmp_path / "old.bmp") == "image"
    assert np.array_equal(decode.read_picture(tmp_path / "old.bmp"), np.full((3, 5, 3), (30, 20, 10)))


def test_what_lies_behind_the_end_of_a_picture_is_not_looked_at(tmp_path: Path) -> None:
    for name in ("a.png", "a.jpg"):
        path = tmp_path / name
        assert cv2.imwrite(str(path), _PIXELS)
        whole = decode.read_picture(path)
        data = path.read_bytes()
        path.write_bytes(data + b"a film of a phone " * 1000)
        assert np.array_equal(decode.read_picture(path), whole)
        for share in (0.004, 0.5, 0.99):
            path.write_bytes(data[: int(share * len(data))])
            with pytest.raises(MediaError, match="breaks off"):
                decode.read_picture(path)


@pytest.mark.parametrize("order", ["<", ">"])
def test_transparency_darkens_no_tiff(tmp_path: Path, order: str) -> None:
    whole = {256: 9, 257: 8, 259: 1, 262: 2, 273: 200, 277: 4, 278: 8, 279: 8 * 9 * 4, 338: 2}
    entries = [struct.pack(f"{order}HHIHxx", tag, 3, 1, value) for tag, value in whole.items()]
    entries.insert(2, struct.pack(f"{order}HHII", 258, 3, 4, 180))  # bits of each of the four
    header = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}IH", 8, len(entries))
    begin = (header + b"".join(entries)).ljust(180, b"\0") + struct.pack(f"{order}4H", 8, 8, 8, 8)
    (tmp_path / "a.tif").write_bytes(begin.ljust(200, b"\0") + bytes((30, 20, 10, 64)) * 72)
    assert np.array_equal(decode.read_picture(tmp_path / "a.tif"), np.full((8, 9, 3), (30, 20, 10)))
    for end in range(len(header) + 12 * len(entries)):
        (tmp_path / "a.tif").write_bytes(begin[:end])
        with pytest.raises(MediaError, match=r"a\.tif"):
            decode.read_picture(tmp_path / "a.tif")
