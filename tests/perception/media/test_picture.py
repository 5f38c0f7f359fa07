"""Pictures are read upright and in 8 bits; too large, damaged or unknown ones are refused before they are unpacked."""

import io
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from device.errors import MediaError
from device.perception.media import decode
from device.perception.media.picture import read_picture
from tests import builders as made

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
    """A gray TIFF with nothing but a header."""
    entries = [(256, kind, width), (257, kind, height), (258, 3, 8), (262, 3, 1), (273, 4, 8), (278, 4, height)]
    entries += [(277, 3, 1), (279, 4, 1), (259, 3, 8)]
    value = {3: "HHIHxx", 4: "HHII"}
    packed = b"".join(struct.pack(order + value[k], tag, k, 1, number) for tag, k, number in sorted(entries))
    begin = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", 8)
    return begin + struct.pack(f"{order}H", len(entries)) + packed + bytes(4)


def _encoded(kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (64, 48), (9, 9, 9)).save(file, kind, **options)
    return file.getvalue()


def _with(data: bytes, before: bytes, stated: bytes, at: int = 0) -> bytes:
    """`data` with `stated`, `at` bytes behind the end of the first `before`, in place of what is there."""
    begin = data.index(before) + len(before) + at
    return data[:begin] + stated + data[begin + len(stated) :]


def _png(side: int) -> bytes:
    header = b"IHDR" + struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n\0\0\0\r" + header + struct.pack(">I", zlib.crc32(header))
    return data + struct.pack(">I", 4) + b"IDAT" + bytes(4) + struct.pack(">I", zlib.crc32(b"IDAT" + bytes(4)))


def _jpeg(start: bytes, side: int) -> bytes:
    frame = start + struct.pack(">HBHHB", 17, 8, side, side, 3) + b"\1\x11\0\2\x11\0\3\x11\0"
    return b"\xff\xd8\xff\xe0" + struct.pack(">H", 6) + bytes(4) + frame + b"\xff\xda\0\x02\xff\xd9"


_HUGE = 16_000
_BOMBS = {
    "a.png": _png(_HUGE),
    "a.jpg": _jpeg(b"\xff\xc0", _HUGE),
    "arithmetic.jpg": _jpeg(b"\xff\xc9", _HUGE),
    "a.bmp": _with(_encoded("BMP"), b"BM", struct.pack("<ii", _HUGE, -_HUGE), 16),
    "a.gif": _with(_encoded("GIF"), b"GIF87a", struct.pack("<HH", _HUGE, _HUGE)),
    "little.tif": _tiff("<", _HUGE, _HUGE),
    "big.tif": _tiff(">", _HUGE, _HUGE),
    "short.tif": _tiff(">", _HUGE, _HUGE, kind=3),
    "plain.webp": _with(_encoded("WEBP"), b"\x9d\x01\x2a", struct.pack("<HH", _HUGE, _HUGE)),
    "lossless.webp": _with(
        _encoded("WEBP", lossless=True), b"VP8L", struct.pack("<I", (_HUGE - 1) | (_HUGE - 1) << 14), 5
    ),
    "gray.pgm": b"P5 # made by hand\n16000\n#here too\n16000 255\n" + bytes(100),
    "a.pbm": b"P4\n16000 16000\n" + bytes(100),
    "a.jp2": _with(_encoded("JPEG2000"), b"ihdr", struct.pack(">II", _HUGE, _HUGE)),
    "a.avif": _with(_encoded("AVIF"), b"ispe", struct.pack(">II", _HUGE, _HUGE), 4),
}


@pytest.mark.parametrize("name", _WRITTEN)
def test_every_format_is_read_in_its_own_size(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / name
    pixels = _PIXELS[..., 0] if name.endswith("pbm") else _PIXELS
    assert cv2.imwrite(str(path), pixels, _WRITTEN[name])
    assert read_picture(path).shape == (41, 67, 3)
    monkeypatch.setattr(cv2, "imdecode", lambda *_: pytest.fail("unpacked"))
    with pytest.raises(MediaError, match="megapixels; at most"):
        read_picture(path, max_megapixels=0.0027)


@pytest.mark.parametrize("name", _BOMBS)
def test_too_large_is_refused_before_it_is_unpacked(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cv2, "imdecode", lambda *_: pytest.fail("unpacked"))
    (tmp_path / name).write_bytes(_BOMBS[name])
    with pytest.raises(MediaError, match=rf"{name}: 256 megapixels; at most 100"):
        read_picture(tmp_path / name)


def test_picture_is_rgb(tmp_path: Path) -> None:
    pixels = made.half_red()
    assert np.array_equal(read_picture(made.picture(tmp_path / "a.png", pixels)), pixels)
    seen = read_picture(made.picture(tmp_path / "a.jpg", pixels))
    assert seen.shape == (48, 80, 3)
    assert np.abs(seen[20, 10].astype(int) - made.RED).max() < 8
    assert np.abs(seen[20, 70].astype(int) - made.GREEN).max() < 8


def test_picture_is_turned_upright(tmp_path: Path) -> None:
    path = tmp_path / "phone.jpg"
    path.write_bytes(made.turned(made.jpeg(made.half_red()), 6))  # to be turned a quarter clockwise: left comes up
    seen = read_picture(path)
    assert seen.shape == (80, 48, 3)
    assert np.abs(seen[10, 20].astype(int) - made.RED).max() < 12
    assert np.abs(seen[70, 20].astype(int) - made.GREEN).max() < 12


def test_gray_alpha_and_sixteen_bits(tmp_path: Path) -> None:
    grey = made.picture(tmp_path / "grey.png", np.full((8, 9), 77, np.uint8))
    assert np.array_equal(read_picture(grey), np.full((8, 9, 3), 77))
    deep = made.picture(tmp_path / "deep.png", np.full((8, 9, 3), 0x8040, np.uint16))
    assert read_picture(deep).dtype == np.uint8
    assert np.abs(read_picture(deep).astype(int) - 0x80).max() <= 1
    alpha = tmp_path / "alpha.png"
    cv2.imwrite(str(alpha), np.full((8, 9, 4), (10, 20, 30, 128), np.uint8))
    assert np.array_equal(read_picture(alpha), np.full((8, 9, 3), (30, 20, 10)))


@pytest.mark.parametrize("name", ["a.jpg", "a.png"])
@pytest.mark.parametrize("share", [0.01, 0.3, 0.6, 0.95])
def test_a_truncated_picture_is_refused(tmp_path: Path, name: str, share: float) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (120, 160, 3), np.uint8)
    path = made.picture(tmp_path / name, noise)
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(MediaError, match=name):
        read_picture(path)


def test_the_end_of_a_preview_is_not_the_end_of_the_picture(tmp_path: Path) -> None:
    data = made.jpeg(made.half_red())
    preview = b"\xff\xe1" + struct.pack(">H", 8) + b"PRE\xff\xd9\0"
    path = tmp_path / "a.jpg"
    path.write_bytes(data[:2] + preview + data[2:])
    assert read_picture(path).shape == (48, 80, 3)
    path.write_bytes(data[:2] + preview + data[2:-40])
    with pytest.raises(MediaError, match="breaks off"):
        read_picture(path)


def test_the_preview_of_a_phones_picture_is_not_its_end(tmp_path: Path) -> None:
    """Phones write two pictures into one file (MPO), and a preview into its header."""
    noise = [Image.fromarray(np.random.default_rng(n).integers(0, 255, (120, 160, 3), np.uint8)) for n in range(2)]
    file = io.BytesIO()
    preview = b"Exif\0\0II*\0" + struct.pack("<IHI", 8, 0, 0) + b"\xff\xd8\xff\xd9"
    noise[0].save(file, "MPO", save_all=True, append_images=noise[1:], exif=preview)
    data, path = file.getvalue(), tmp_path / "phone.jpg"
    path.write_bytes(data)
    assert read_picture(path).shape == (120, 160, 3)
    for share in (0.1, 0.3):
        path.write_bytes(data[: int(share * len(data))])
        with pytest.raises(MediaError, match="breaks off"):
            read_picture(path)


@pytest.mark.parametrize("start", [b"#?RADIANCE\n", b"\x59\xa6\x6a\x95", b"II+\0", b"P7\n", b"II*\0", b"P5\n", b"RIFF"])
def test_a_file_without_a_size_is_not_unpacked(tmp_path: Path, start: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cv2, "imdecode", lambda *_: pytest.fail("unpacked"))
    (tmp_path / "odd.tif").write_bytes(start + bytes(200))
    with pytest.raises(MediaError, match=r"odd\.tif: no picture"):
        read_picture(tmp_path / "odd.tif")


@pytest.mark.parametrize("text", [b"BMW is a car, and P5 is none.", b"P5 is a level of noise.\n", b"P1"])
def test_a_text_is_no_picture_however_it_begins(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "car.txt").write_bytes(text)
    with pytest.raises(MediaError, match=r"car\.txt: neither picture, sound nor video"):
        decode.detect_kind(tmp_path / "car.txt")
    with pytest.raises(MediaError, match=r"car\.txt: no picture"):
        read_picture(tmp_path / "car.txt")


def test_an_os2_bitmap_is_read(tmp_path: Path) -> None:
    rows = b"".join(bytes((10, 20, 30)) * 5 + b"\0" for _ in range(3))
    old = b"BM" + struct.pack("<IHHI", 26 + len(rows), 0, 0, 26) + struct.pack("<IHHHH", 12, 5, 3, 1, 24) + rows
    (tmp_path / "old.bmp").write_bytes(old)
    assert decode.detect_kind(tmp_path / "old.bmp") == "image"
    assert np.array_equal(read_picture(tmp_path / "old.bmp"), np.full((3, 5, 3), (30, 20, 10)))


def test_data_behind_the_end_of_a_picture_is_ignored(tmp_path: Path) -> None:
    for name in ("a.png", "a.jpg"):
        path = tmp_path / name
        assert cv2.imwrite(str(path), _PIXELS)
        whole = read_picture(path)
        data = path.read_bytes()
        path.write_bytes(data + b"a film of a phone " * 1000)
        assert np.array_equal(read_picture(path), whole)
        for share in (0.004, 0.5, 0.99):
            path.write_bytes(data[: int(share * len(data))])
            with pytest.raises(MediaError, match="breaks off"):
                read_picture(path)


@pytest.mark.parametrize("order", ["<", ">"])
def test_transparency_darkens_no_tiff(tmp_path: Path, order: str) -> None:
    whole = {256: 9, 257: 8, 259: 1, 262: 2, 273: 200, 277: 4, 278: 8, 279: 8 * 9 * 4, 338: 2}
    entries = [struct.pack(f"{order}HHIHxx", tag, 3, 1, value) for tag, value in whole.items()]
    entries.insert(2, struct.pack(f"{order}HHII", 258, 3, 4, 180))  # bits of each of the four
    header = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}IH", 8, len(entries))
    begin = (header + b"".join(entries)).ljust(180, b"\0") + struct.pack(f"{order}4H", 8, 8, 8, 8)
    (tmp_path / "a.tif").write_bytes(begin.ljust(200, b"\0") + bytes((30, 20, 10, 64)) * 72)
    assert np.array_equal(read_picture(tmp_path / "a.tif"), np.full((8, 9, 3), (30, 20, 10)))
    for end in range(len(header) + 12 * len(entries)):
        (tmp_path / "a.tif").write_bytes(begin[:end])
        with pytest.raises(MediaError, match=r"a\.tif"):
            read_picture(tmp_path / "a.tif")
