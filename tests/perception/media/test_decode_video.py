"""Videos: their pictures as they are to be seen, when, and what breaks off."""

import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from device.errors import MediaError
from device.perception.media import decode
from device.perception.media.picture import Pixels
from tests import builders as made


def test_video_frames_in_order_with_times(tmp_path: Path) -> None:
    frames = list(decode.video_frames(made.video(tmp_path / "a.mp4", 12, fps=8)))
    assert [round(pts, 3) for _, pts in frames] == [round(i / 8, 3) for i in range(12)]
    for index, (pixels, _) in enumerate(frames):
        assert pixels.shape == (48, 64, 3)
        assert pixels.dtype == np.uint8
        assert abs(int(pixels[20, 10, 0]) - made.shade(index)) < 6
    with pytest.raises(MediaError, match=r"a\.mp4: no sound"):
        decode.read_sound(tmp_path / "a.mp4")


def test_video_is_turned_upright(tmp_path: Path) -> None:
    made.video(tmp_path / "a.mp4", 6)
    with av.open(str(tmp_path / "a.mp4")) as old, av.open(str(tmp_path / "b.mp4"), "w") as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        for packet in old.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                new.mux(packet)
    data = (tmp_path / "b.mp4").read_bytes()
    at = data.index(b"tkhd") + 4 + 40  # version and flags, times, ids, duration, layer, volume: then nine numbers
    one = 0x10000
    matrix = struct.pack(">9i", 0, one, 0, -one, 0, 0, 48 * one, 0, 0x40000000)  # a quarter clockwise
    (tmp_path / "b.mp4").write_bytes(data[:at] + matrix + data[at + 36 :])
    pixels, _ = list(decode.video_frames(tmp_path / "b.mp4"))[5]
    assert pixels.shape == (64, 48, 3)
    assert abs(int(pixels[10, 20, 0]) - made.shade(5)) < 6, "the bright left half comes up"
    assert pixels[60, 20, 0] < 30


@pytest.mark.parametrize(
    ("aspect", "shape"),
    [
        (Fraction(4), (48, 256)),
        (Fraction(16, 15), (48, 68)),
        (Fraction(1, 2), (96, 64)),
        (Fraction(1), (48, 64)),
        (Fraction(400, 401), (48, 64)),
        (Fraction(100), (48, 64)),
    ],
)
def test_pixels_that_are_not_square_are_made_so(tmp_path: Path, aspect: Fraction, shape: tuple[int, int]) -> None:
    frames = list(decode.video_frames(made.video(tmp_path / "a.mp4", 6, aspect=aspect)))
    assert {pixels.shape for pixels, _ in frames} == {(*shape, 3)}
    pixels = frames[5][0]
    assert abs(int(pixels[20, shape[1] // 2 - 8, 0]) - made.shade(5)) < 6, "half of it is bright, as before"
    assert pixels[20, shape[1] // 2 + 8, 0] < 30


def test_a_film_that_would_become_huge_is_made_flatter_instead_of_wider(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decode, "_MAX_WIDENED", 64 * 48 * 2)
    for aspect, shape in ((Fraction(4), (12, 64, 3)), (Fraction(1, 4), (48, 16, 3)), (Fraction(2), (48, 128, 3))):
        frames = list(decode.video_frames(made.video(tmp_path / "a.mp4", 2, aspect=aspect)))
        assert frames[0][0].shape == shape


def test_a_truncated_video_is_refused_after_its_frames(tmp_path: Path) -> None:
    path = made.video(tmp_path / "a.mp4", 20, options={"movflags": "faststart"})
    data = path.read_bytes()
    at = data.index(b"mdat")
    path.write_bytes(data[: at + (len(data) - at) // 2])
    seen: list[tuple[Pixels, float]] = []
    with pytest.raises(MediaError, match=r"a\.mp4"):
        seen.extend(decode.video_frames(path))  # keeps what came before the break
    assert 3 < len(seen) < 18
    path.write_bytes(data[:200])
    with pytest.raises(MediaError, match=r"a\.mp4"):
        list(decode.video_frames(path))


def _copied(source: Path, target: Path, later: int, without: range = range(0)) -> Path:
    """The same pictures, not encoded anew: each `later` pictures later, `without` some of them."""
    with av.open(str(source)) as old, av.open(str(target), "w") as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        for number, packet in enumerate(p for p in old.demux(video=0) if p.dts is not None):
            if number not in without:
                packet.pts = packet.dts = (packet.pts or 0) + later * (packet.duration or 0)
                packet.stream = stream
                new.mux(packet)
    return target


def test_a_cut_without_encoding_again_is_whole(tmp_path: Path) -> None:
    whole = made.video(tmp_path / "whole.mp4", 40)
    cut = _copied(whole, tmp_path / "cut.mp4", -10)  # an edit list leaves out what is needed to decode the first one
    with av.open(str(cut)) as container:
        assert container.streams.video[0].frames == 40
    frames = list(decode.video_frames(cut))
    assert len(frames) == 30
    assert abs(int(frames[0][0][20, 10, 0]) - made.shade(10)) < 6
    assert [frames[0][1], frames[-1][1]] == pytest.approx([0, 2.9])


def test_an_avi_with_dropped_pictures_is_whole_and_a_cut_off_one_is_not(tmp_path: Path) -> None:
    path = _copied(made.video(tmp_path / "a.avi", 40), tmp_path / "b.avi", 0, without=range(5, 25))
    with av.open(str(path)) as container:
        assert container.streams.video[0].frames == 40, "dropped ones are counted"
    assert len(list(decode.video_frames(path))) == 20
    data = (tmp_path / "a.avi").read_bytes()
    film, index = data.index(b"movi"), data.index(b"idx1")
    path.write_bytes(data[: data.index(b"00dc", (film + index) // 2)])
    with pytest.raises(MediaError, match=r"b\.avi: breaks off after"):
        list(decode.video_frames(path))


def test_a_film_of_huge_pictures_is_refused(tmp_path: Path) -> None:
    path = made.video(tmp_path / "a.avi", 5)
    with pytest.raises(MediaError, match=r"a\.avi.* megapixels"):
        next(decode.video_frames(path, max_megapixels=64 * 47 / 1e6))
