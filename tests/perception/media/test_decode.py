import struct
import subprocess
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from device.errors import MediaError
from device.perception.media import decode
from device.perception.media.picture import read_picture
from tests import builders as made


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("text.png", b"hello, this is text\n" * 50),
        ("empty.jpg", b""),
        ("note.txt", b"hello\n"),
        ("noise.bin", bytes(range(256)) * 9),
        ("list.m3u8", b"#EXTM3U\n#EXTINF:5,\nhttp://192.0.2.1/a.ts\n#EXT-X-ENDLIST\n"),
    ],
)
def test_a_file_that_is_no_media_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    for read in (decode.detect_kind, read_picture, decode.read_sound, lambda p: list(decode.video_frames(p))):
        with pytest.raises(MediaError, match=name):
            read(path)


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "gone.png"
    for read in (decode.detect_kind, read_picture, decode.read_sound, lambda p: list(decode.video_frames(p))):
        with pytest.raises(MediaError, match=r"gone\.png.*No such file"):
            read(path)


def test_kind_is_by_content_not_by_name(tmp_path: Path) -> None:
    made.picture(tmp_path / "a.png", made.half_red()).rename(tmp_path / "a.wav")
    assert decode.detect_kind(tmp_path / "a.wav") == "image"
    made.wav(tmp_path / "b.wav", made.chirp(0.2)).rename(tmp_path / "b.mp4")
    assert decode.detect_kind(tmp_path / "b.mp4") == "sound"
    assert decode.detect_kind(made.video(tmp_path / "c.mp4", 5)) == "video"
    assert decode.detect_kind(made.video(tmp_path / "d: e.mp4", 5, sound=True)) == "video"
    (tmp_path / "f.avif").write_bytes(b"\0\0\0\x1cftypavif" + bytes(30))
    assert decode.detect_kind(tmp_path / "f.avif") == "image"
    with pytest.raises(MediaError, match=r"f\.avif"):
        read_picture(tmp_path / "f.avif")


@pytest.mark.parametrize("name", ["a.jp2", "a.pbm", "a.pgm", "text.pgm"])
def test_the_rarer_pictures_are_pictures(tmp_path: Path, name: str) -> None:
    pixels = np.full((48, 80), 255, np.uint8)
    options = [cv2.IMWRITE_PXM_BINARY, 0] if name.startswith("text") else []
    assert cv2.imwrite(str(tmp_path / name), pixels, options)
    assert decode.detect_kind(tmp_path / name) == "image"
    assert (read_picture(tmp_path / name) == 255).all()


@pytest.mark.parametrize("codec", ["pcx", "qoi", "xwd"])
def test_a_picture_that_only_ffmpeg_knows_is_no_video(tmp_path: Path, codec: str) -> None:
    path = tmp_path / "picture"
    with av.open(str(path), "w", format="image2", options={"update": "1"}) as container:
        stream = container.add_stream(codec)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 80, 48, "rgb24"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(made.half_red(), "rgb24")))
        container.mux(stream.encode(None))
    with pytest.raises(MediaError, match=r"picture: a picture that is not read \(.*\); save it as PNG"):
        decode.detect_kind(path)


def test_a_cover_picture_is_not_a_video(tmp_path: Path) -> None:
    cover = made.picture(tmp_path / "cover.jpg", made.half_red())
    song = made.wav(tmp_path / "song.wav", made.chirp(0.5))
    command = (
        "ffmpeg -loglevel error -i song.wav -i cover.jpg -map 0 -map 1 -c:v copy -disposition:v attached_pic a.mp3"
    )
    try:
        subprocess.run(command.split(), cwd=tmp_path, check=True, timeout=30)
    except FileNotFoundError:
        pytest.skip("ffmpeg is not installed")
    with av.open(str(tmp_path / "a.mp3")) as container:
        assert len(container.streams.video) == 1, "the cover must be there for the test to mean anything"
    assert decode.detect_kind(tmp_path / "a.mp3") == "sound"
    with pytest.raises(MediaError, match="no video"):
        next(decode.video_frames(tmp_path / "a.mp3"))
    assert len(decode.read_sound(tmp_path / "a.mp3")) > 7000
    assert cover.exists()
    assert song.exists()


def test_sound_is_read_and_resampled(tmp_path: Path) -> None:
    chirp = made.chirp(1.0, 44_100)
    heard = decode.read_sound(made.wav(tmp_path / "a.wav", chirp, 44_100))
    assert abs(len(heard) - 16_000) < 40
    n = min(len(heard), 16_000)
    assert np.corrcoef(heard[:n], made.chirp(1.0)[:n])[0, 1] > 0.99


def test_a_rate_that_holds_no_voice_is_refused(tmp_path: Path) -> None:
    slow = bytearray(made.wav(tmp_path / "slow.wav", made.chirp(4.0)).read_bytes())
    at = slow.index(b"fmt ") + 12
    for rate_hz in (1, 100, 999):
        slow[at : at + 8] = struct.pack("<II", rate_hz, 2 * rate_hz)
        (tmp_path / "slow.wav").write_bytes(slow)
        with pytest.raises(MediaError, match=rf"slow\.wav: a sound of {rate_hz} Hz; at least 1000"):
            decode.read_sound(tmp_path / "slow.wav")
    slow[at : at + 8] = struct.pack("<II", 1000, 2000)
    (tmp_path / "slow.wav").write_bytes(slow)
    assert len(decode.read_sound(tmp_path / "slow.wav")) == pytest.approx(64 * 16_000, abs=40)


def test_a_sound_of_days_is_refused_and_one_of_minutes_is_whole(tmp_path: Path) -> None:
    chirp = made.chirp(100.0)
    heard = decode.read_sound(made.wav(tmp_path / "long.wav", chirp))
    assert heard.shape == chirp.shape
    assert np.abs(heard - chirp).max() < 1e-3
    with pytest.raises(MediaError, match=r"long\.wav: longer than .* cut it"):
        decode.read_sound(tmp_path / "long.wav", max_s=99.0)


def test_an_unknown_codec_is_reported(tmp_path: Path) -> None:
    path = made.video(tmp_path / "a.mkv", 5, sound=True)
    path.write_bytes(path.read_bytes().replace(b"V_MPEG4", b"V_MPEG9").replace(b"A_AAC", b"A_AAD"))
    for read in (decode.read_sound, lambda p: list(decode.video_frames(p))):
        with pytest.raises(MediaError, match=r"a\.mkv: .*Decoder not found"):
            read(path)


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("rate_hz", [16_000, 44_100])
def test_a_sample_that_is_not_a_number_spoils_no_other(tmp_path: Path, odd: float, rate_hz: int) -> None:
    chirp = made.chirp(1.0, rate_hz)
    chirp[rate_hz // 2] = odd
    with av.open(str(tmp_path / "a.wav"), "w") as container:
        stream = container.add_stream("pcm_f32le", rate=rate_hz, layout="mono")
        frame = av.AudioFrame.from_ndarray(chirp[None], "flt", "mono")
        frame.sample_rate = rate_hz
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    heard = decode.read_sound(tmp_path / "a.wav")
    assert np.isfinite(heard).all()
    apart = np.abs(heard[:15_900] - made.chirp(1.0)[:15_900]) > 0.05
    assert np.flatnonzero(apart).size < 60


def test_a_sound_that_changes_in_the_middle_is_heard_to_its_end(tmp_path: Path) -> None:
    parts = []
    for layout, rate_hz in (("stereo", 44_100), ("mono", 44_100), ("mono", 22_050)):
        with av.open(str(tmp_path / "part.aac"), "w", format="adts") as container:
            stream = container.add_stream("aac", rate=rate_hz, layout=layout)
            tone = made.chirp(1.0, rate_hz)
            frame = av.AudioFrame.from_ndarray(np.stack([tone] * (2 if layout == "stereo" else 1)), "fltp", layout)
            frame.sample_rate = rate_hz
            container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        parts.append((tmp_path / "part.aac").read_bytes())
    (tmp_path / "mixed.aac").write_bytes(b"".join(parts))
    heard = decode.read_sound(tmp_path / "mixed.aac")
    assert len(heard) == pytest.approx(3 * 16_000, rel=0.1)
    for third in np.array_split(heard, 3):
        assert 0.3 < np.sqrt(np.mean(third**2)) < 0.52
