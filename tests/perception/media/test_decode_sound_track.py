"""A film whose sound begins later than its picture is heard when it is seen."""

from pathlib import Path

import av
import numpy as np
import pytest

from device.emotions import Emotion, Floats
from device.perception.load import Perception
from device.perception.media.decode import read_sound
from device.perception.offline.analyze import Options, analyze
from device.sense.microphone.file import FileMicrophone
from device.sense.simulator.poses import PROSODIES
from device.sense.simulator.voice import speak
from device.settings.schema import Settings
from tests.builders import chirp, drawn


def _film(path: Path, pictures: int, sound: Floats, late_s: float) -> Path:
    """Ten pictures a second of nobody, and a sound that begins `late_s` after the first."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        voice = container.add_stream("pcm_s16le", rate=16_000, layout="mono")
        for _ in range(pictures):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(drawn(width_px=320, height_px=240), "rgb24")))
        container.mux(stream.encode(None))
        frame = av.AudioFrame.from_ndarray((sound * 32767).astype(np.int16)[None], "s16", "mono")
        frame.sample_rate, frame.pts = 16_000, round(late_s * 16_000)
        container.mux(voice.encode(frame))
        container.mux(voice.encode(None))
    return path


@pytest.mark.parametrize("late_s", [0.0, 0.3, 2.0])
def test_there_is_silence_until_a_films_sound_begins(tmp_path: Path, late_s: float) -> None:
    heard = read_sound(_film(tmp_path / "late.mkv", 30, chirp(1.0), late_s))
    lead = round(late_s * 16_000)
    assert len(heard) == pytest.approx(lead + 16_000, abs=20)
    assert not heard[: max(lead - 20, 0)].any()
    assert np.corrcoef(heard[lead : lead + 15_900], chirp(1.0)[:15_900])[0, 1] > 0.99


def test_the_sound_of_a_film_keeps_in_step_with_its_picture(tmp_path: Path) -> None:
    microphone = FileMicrophone(_film(tmp_path / "late.mkv", 30, chirp(1.0), 2.0), lambda: 2.9, start_s=0.0)
    first_s = next(end_s for block, end_s in iter(microphone.read, None) if block.any())
    assert 2.0 < first_s < 2.3 + 0.01
    microphone.close()


def test_a_voice_is_reported_when_it_was_heard(tmp_path: Path, readers: Perception) -> None:
    voice = speak(PROSODIES[Emotion.ANGRY], 3.0)
    found = analyze(_film(tmp_path / "late.mkv", 40, voice, 5.0), Options(), readers, Settings())
    assert found["error"] is None
    assert found["seconds"] == pytest.approx(8.0, abs=0.01)
    assert found["voice"] is not None
    said = [entry["t_s"] for entry in found["timeline"] if entry["confidence"] > 0]
    assert min(said) > 5.0
