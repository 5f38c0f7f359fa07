"""`mien analyze`'s objects: pictures, sounds and videos that are made here."""

import itertools
import json
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from device.emotions import EMOTIONS, Emotion, Floats
from device.perception.audio.stft import RATE_HZ
from device.perception.face.tiles import find_everywhere
from device.perception.load import Perception, load_perception
from device.perception.offline.analyze import Options, analyze, window_ends
from device.perception.voice.classifier import WINDOW
from device.sense.simulator.poses import POSES, PROSODIES
from device.sense.simulator.voice import speak
from device.settings.load import parse
from device.settings.schema import Camera, Settings
from tests.builders import astronaut, chords, drawn, film, group, heads, noises, picture, wav

_KEYS = ["path", "kind", "seconds", "faces", "voice", "mood", "timeline", "error"]
_NAMES = [e.value for e in EMOTIONS]
_HAPPY, _SURPRISE = POSES[Emotion.HAPPY], POSES[Emotion.SURPRISE]


@pytest.fixture(scope="module")
def readers() -> Perception:
    return load_perception(Settings())


def _probabilities(said: dict[str, float]) -> None:
    assert list(said) == _NAMES
    assert sum(said.values()) == pytest.approx(1, abs=2e-3)


def _read(path: Path, readers: Perception, wanted: Options | None = None, settings: Settings | None = None) -> Any:
    """The object as another program gets it, held to the keys that are promised."""
    found = json.loads(json.dumps(analyze(path, wanted or Options(), readers, settings or Settings())))
    assert list(found) == _KEYS
    assert found["path"] == str(path)
    for face in found["faces"]:
        assert list(face) == ["box", "score", "emotion", "probabilities"]
        assert len(face["box"]) == 4
        assert 0 < face["score"] <= 1
        assert face["emotion"] == max(face["probabilities"], key=lambda name: face["probabilities"][name])
        _probabilities(face["probabilities"])
    if found["voice"]:
        assert list(found["voice"]) == ["emotion", "probabilities", "speech_s"]
        _probabilities(found["voice"]["probabilities"])
    moods = [*([found["mood"]] if found["mood"] else []), *found["timeline"]]
    for mood in moods:
        assert [key for key in mood if key not in ("t_s", "people")] == [
            "emotion",
            "confidence",
            "valence",
            "arousal",
            "probabilities",
        ]
        assert mood["emotion"] in [*_NAMES, "unknown"]
        _probabilities(mood["probabilities"])
    return found


def _voice(seconds: float) -> Floats:
    return speak(PROSODIES[Emotion.ANGRY], seconds)


def test_each_face_of_a_picture_is_read_where_it_is(tmp_path: Path, readers: Perception) -> None:
    people = (((180.0, 240.0), 200.0, _HAPPY), ((460.0, 250.0), 180.0, _SURPRISE))
    found = _read(picture(tmp_path / "two.png", drawn(*people)), readers)
    assert (found["kind"], found["seconds"], found["voice"], found["timeline"]) == ("image", None, None, [])
    by_place = sorted(found["faces"], key=lambda face: face["box"][0])
    assert [face["emotion"] for face in by_place] == ["happy", "surprise"]
    assert found["mood"]["confidence"] > 0


def test_four_real_faces_are_four(tmp_path: Path, readers: Perception) -> None:
    assert len(_read(picture(tmp_path / "four.jpg", group()), readers)["faces"]) == 4


def test_small_faces_of_a_large_picture_are_read(tmp_path: Path, readers: Perception) -> None:
    places = [(100, 80, 90), (900, 500, 90), (1700, 900, 90)]
    assert len(_read(picture(tmp_path / "hall.png", heads(places, 1920, 1080)), readers)["faces"]) == 3


def test_a_picture_of_nobody_has_no_mood_and_no_error(tmp_path: Path, readers: Perception) -> None:
    found = _read(picture(tmp_path / "wall.png", drawn()), readers)
    assert (found["faces"], found["mood"], found["error"]) == ([], None, None)


@pytest.mark.parametrize("side", [48, 130, 1200])
def test_a_face_that_fills_its_picture_is_found_without_being_told(
    side: int, tmp_path: Path, readers: Perception
) -> None:
    close = np.asarray(cv2.resize(astronaut()[90:180, 180:270], (side, side)), np.uint8)
    assert find_everywhere(readers.detector, close) == [], "the detector needs air around a face"
    found = _read(picture(tmp_path / "close.png", close), readers)
    assert [face["emotion"] for face in found["faces"]] == ["happy"]
    left, top, width, height = found["faces"][0]["box"]
    assert width == pytest.approx(side, rel=0.3)
    assert abs(left + width / 2 - side / 2) < 0.15 * side, "in the picture's own pixels"
    assert 0 < top + height / 2 < side


def test_a_face_with_a_low_score_counts_if_it_is_large_and_the_only_one(tmp_path: Path) -> None:
    strict = Settings(camera=Camera(min_score=0.98))
    readers = load_perception(strict)
    large, small = heads([(100, 20, 440)], 640, 480), heads([(100, 20, 120)], 640, 480)
    assert readers.detector.find(large) == [], "nothing is as sure as this"
    for path in (picture(tmp_path / "large.png", large), film(tmp_path / "large.mp4", [large] * 8)):
        (face,) = _read(path, readers, settings=strict)["faces"]
        assert 0.7 < face["score"] < 0.98, "who asks for more can see it"
        assert face["box"][2] == pytest.approx(200, rel=0.25)
    for path in (picture(tmp_path / "small.png", small), film(tmp_path / "small.mp4", [small] * 8)):
        assert _read(path, readers, settings=strict)["faces"] == []


def test_a_crop_is_one_face_whatever_it_shows(tmp_path: Path, readers: Perception) -> None:
    face = astronaut()[60:200, 155:295]
    gray = cv2.resize(cv2.cvtColor(face, cv2.COLOR_RGB2GRAY), (48, 48))
    path = picture(tmp_path / "crop.png", gray.astype(np.uint8))
    found = _read(path, readers, Options(crop=True))
    assert [f["box"] for f in found["faces"]] == [[0, 0, 48, 48]]
    assert found["faces"][0]["emotion"] == "happy"


def test_a_sound_with_a_voice_is_read(tmp_path: Path, readers: Perception) -> None:
    found = _read(wav(tmp_path / "a.wav", _voice(3.0)), readers)
    assert (found["kind"], found["seconds"], found["faces"], found["timeline"]) == ("sound", 3.0, [], [])
    assert 1 < found["voice"]["speech_s"] <= 3
    assert found["mood"] is not None


def test_a_dc_offset_does_not_change_the_reading(tmp_path: Path, readers: Perception) -> None:
    voice = _voice(3.0) * np.float32(0.3)
    found = [_read(wav(tmp_path / f"{level}.wav", voice + np.float32(level)), readers)["voice"] for level in (0, 0.1)]
    assert found[1]["speech_s"] == pytest.approx(found[0]["speech_s"], abs=0.05)
    for name in _NAMES:
        assert found[1]["probabilities"][name] == pytest.approx(found[0]["probabilities"][name], abs=0.04)


def test_a_short_sound_is_read_as_a_whole(tmp_path: Path, readers: Perception) -> None:
    found = _read(wav(tmp_path / "a.wav", _voice(1.2)), readers)
    assert (found["seconds"], found["error"]) == (1.2, None)
    assert found["voice"] is not None


@pytest.mark.parametrize("seconds", [1.01, 2.04, 2.06, 2.4307, 2.95, 2.999])
def test_a_short_sound_in_which_a_voice_is_read_has_a_mood(tmp_path: Path, readers: Perception, seconds: float) -> None:
    found = _read(wav(tmp_path / "a.wav", _voice(seconds)), readers)
    assert found["voice"] is not None
    heard, shown = found["voice"]["probabilities"], found["mood"]["probabilities"]
    moods = [name for name in _NAMES if name != "neutral"]
    assert sorted(moods, key=shown.get) == sorted(moods, key=heard.get), "one reading is all that there is"
    assert max(shown[name] for name in moods) < max(heard[name] for name in moods), "and no face confirms it"


@pytest.mark.parametrize("name", ["silence", "white noise", "hum", "chords"])
def test_a_sound_without_a_voice_has_no_reading_and_no_error(tmp_path: Path, readers: Perception, name: str) -> None:
    sound = chords() if name == "chords" else noises()[name]
    found = _read(wav(tmp_path / "a.wav", sound), readers)
    assert (found["kind"], found["voice"], found["mood"], found["error"]) == ("sound", None, None, None)


def test_a_file_is_read_as_if_it_were_the_first(tmp_path: Path, readers: Perception) -> None:
    changing = [speak(PROSODIES[emotion], 2.0) for emotion in (Emotion.ANGRY, Emotion.NEUTRAL)]
    path = wav(tmp_path / "a.wav", np.concatenate(changing))
    first = _read(path, load_perception(Settings()))
    for before in (wav(tmp_path / "b.wav", _voice(4.0)), path):
        _read(before, readers)
        assert _read(path, readers) == first


def test_a_long_sound_has_a_timeline(tmp_path: Path, readers: Perception) -> None:
    sound = np.concatenate([_voice(5.0), np.zeros(8 * RATE_HZ, np.float32)])
    found = _read(wav(tmp_path / "a.wav", sound), readers)
    times = [entry["t_s"] for entry in found["timeline"]]
    assert times == sorted(times)
    assert (times[0], found["seconds"]) == (0, 13.0)
    assert max(np.diff(times)) <= 1.2
    assert times[-1] >= 12
    assert found["timeline"][0]["emotion"] == "unknown"  # nothing has been heard before the first window is full
    assert found["timeline"][-1]["emotion"] == "unknown"  # and it is forgotten in the end
    assert len({entry["confidence"] for entry in found["timeline"]}) > 2


def _clip(tmp_path: Path, sound: Floats | None) -> Path:
    """Two seconds of happy, then two of surprise."""
    faces = [drawn(((320 + 2 * i, 240), 200, _HAPPY if i < 20 else _SURPRISE)) for i in range(40)]
    return film(tmp_path / "clip.mp4", faces, 10, sound)


def test_a_video_with_sound_is_seen_and_heard(tmp_path: Path, readers: Perception) -> None:
    found = _read(_clip(tmp_path, _voice(4.0)), readers)
    assert found["kind"] == "video"
    assert found["seconds"] == pytest.approx(4.0, abs=0.2)
    assert len(found["faces"]) == 1  # one person, however many frames
    assert found["voice"] is not None
    assert found["mood"] is not None
    assert [entry["people"] for entry in found["timeline"]][-1] == 1


def test_a_video_without_sound_is_seen(tmp_path: Path, readers: Perception) -> None:
    found = _read(_clip(tmp_path, None), readers)
    assert (len(found["faces"]), found["voice"], found["error"]) == (1, None, None)
    said = [(entry["t_s"], entry["emotion"]) for entry in found["timeline"]]
    assert [emotion for at, emotion in said if 0.5 < at < 2] == ["happy"] * sum(0.5 < at < 2 for at, _ in said)
    assert len(found["timeline"]) >= 4


def test_a_video_of_nobody_has_no_mood(tmp_path: Path, readers: Perception) -> None:
    found = _read(film(tmp_path / "wall.mp4", [drawn()] * 8), readers)
    assert (found["faces"], found["mood"], found["timeline"], found["error"]) == ([], None, [], None)


def test_a_video_of_crops_is_one_face(tmp_path: Path, readers: Perception) -> None:
    face = drawn(((320, 240), 200, _HAPPY))[150:330, 230:410]
    found = _read(film(tmp_path / "crops.mp4", [face] * 8), readers, Options(crop=True))
    assert len(found["faces"]) == 1


@pytest.mark.parametrize(("face", "voice"), [(True, False), (False, True)])
def test_only_the_requested_senses_are_read(tmp_path: Path, readers: Perception, face: bool, voice: bool) -> None:
    wanted = Options(face=face, voice=voice)
    found = _read(_clip(tmp_path, _voice(4.0)), readers, wanted)
    assert (bool(found["faces"]), bool(found["voice"])) == (face, voice)
    assert bool(_read(picture(tmp_path / "a.png", group()), readers, wanted)["faces"]) == face
    assert bool(_read(wav(tmp_path / "a.wav", _voice(3.0)), readers, wanted)["voice"]) == voice


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty.png", b""),
        ("text.jpg", b"Dear diary, today nothing was seen."),
        ("cut.jpg", b"\xff\xd8\xff\xe0\x00\x10JFIF"),
        ("broken.wav", b"RIFF\x00\x00\x00\x00WAVEfmt "),
        ("nothing.mp4", b"\x00\x00\x00\x18ftypmp42"),
        ("missing.png", None),
    ],
)
def test_a_file_that_cannot_be_read_is_an_object_with_its_error(
    tmp_path: Path, readers: Perception, name: str, content: bytes | None
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    found = _read(path, readers)
    assert name in found["error"]
    assert (found["faces"], found["voice"], found["mood"], found["timeline"]) == ([], None, None, [])


def test_a_folder_in_a_files_place_is_an_error_and_no_crash(tmp_path: Path, readers: Perception) -> None:
    assert _read(tmp_path, readers)["error"]


def test_a_truncated_video_is_reported_and_a_whole_copy_is_not(tmp_path: Path, readers: Perception) -> None:
    faces = [drawn(((320, 240), 200, _HAPPY))] * 20
    path = film(tmp_path / "a.mkv", faces)
    assert _read(path, readers)["error"] is None
    path.write_bytes(path.read_bytes()[:200])
    assert _read(path, readers)["error"]


def test_max_faces_limits_the_faces_of_a_video(tmp_path: Path, readers: Perception) -> None:
    path = film(tmp_path / "a.mp4", [group()] * 4)
    one = parse("[camera]\nmost_faces = 1\n", "x")
    assert len(_read(path, readers, settings=one)["faces"]) == 1
    assert len(_read(path, readers)["faces"]) == 4


@pytest.mark.parametrize("interval_s", [0.1, 0.5, 3.0])
@pytest.mark.parametrize("seconds", [0.0, 0.4, 3.0, 3.3, 7.0])
def test_the_windows_of_a_sound_reach_to_its_end_and_leave_nothing_out(seconds: float, interval_s: float) -> None:
    samples = np.zeros(int(seconds * RATE_HZ), np.float32)
    ends = window_ends(samples, interval_s)
    assert ends[-1] == len(samples)
    assert ends[0] == min(WINDOW, len(samples))
    assert all(b - a <= interval_s * RATE_HZ for a, b in itertools.pairwise(ends))


def test_no_window_of_a_sound_is_read_twice() -> None:
    ends = window_ends(np.zeros(2 * RATE_HZ, np.float32), 0.5)
    assert len(set(ends)) == len(ends)


def test_a_film_whose_clock_leaps_has_a_short_timeline(tmp_path: Path, readers: Perception) -> None:
    path, leap_s = tmp_path / "leap.mkv", 200_000
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 640, 480, "yuv420p"
        still = av.VideoFrame.from_ndarray(drawn(((320, 240), 200, _HAPPY)), "rgb24")
        for number, packet in enumerate(p for _ in range(20) for p in stream.encode(still)):
            if number >= 10:
                packet.pts = packet.dts = (packet.pts or 0) + int(leap_s / packet.time_base)
            container.mux(packet)
    found = _read(path, readers)
    assert (found["error"], found["mood"]["emotion"]) == (None, "happy")
    assert found["seconds"] == pytest.approx(leap_s + 1.9, abs=0.2)
    assert len(found["timeline"]) < 100
