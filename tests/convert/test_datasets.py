"""Each reader knows its corpus's layout, split and speakers, and reports what is missing."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from convert.datasets.noise.esc10 import read_noises
from convert.datasets.pictures.fer2013 import Fer2013
from convert.datasets.speech.clips import TEST, VALIDATION, read_corpus, split_by_speaker
from convert.voice.augment import trim_silence
from device.emotions import EMOTIONS
from device.errors import MediaError
from tests.convert.builders import DRAWN


def test_fer2013_trains_on_no_copy_of_a_test_picture_and_on_no_blank(corpora: Path) -> None:
    faces = Fer2013(corpora / "fer2013")
    # One of the drawn training faces is in PrivateTest too; all other tiles are voted not-a-face.
    assert len(faces.training()) == DRAWN - 1
    assert len(faces.validation()) == 3_589
    assert len(faces.test()) == 3_589
    assert len(faces.test(without_copies=True)) == 3_588
    assert set(faces.training().labels) == set(range(7))
    np.testing.assert_allclose(faces.training().votes.sum(axis=1), 1)


def test_a_missing_file_is_named(tmp_path: Path, corpora: Path) -> None:
    with pytest.raises(MediaError, match=r"FER2013: .*faces.png is missing"):
        Fer2013(tmp_path)
    shutil.copy(corpora / "speech" / "savee.csv", tmp_path)
    with pytest.raises(MediaError, match=r"savee: .*savee.zip is missing"):
        read_corpus(tmp_path, "savee")


def test_half_a_fer2013_is_refused(tmp_path: Path, corpora: Path) -> None:
    shutil.copytree(corpora / "fer2013", tmp_path / "half")
    content = (tmp_path / "half" / "faces.png").read_bytes()
    (tmp_path / "half" / "faces.png").write_bytes(content[: len(content) // 2])
    with pytest.raises(MediaError, match="complete set"):
        Fer2013(tmp_path / "half")


def test_speech_is_split_without_a_speaker_in_two_parts(corpora: Path, tmp_path: Path) -> None:
    clips = read_corpus(corpora / "speech", "savee", tmp_path)
    assert len(clips) == 56
    assert {clip.emotion for clip in clips} == set(range(len(EMOTIONS)))
    split = split_by_speaker(clips)
    speakers = [{c.speaker for c in part} for part in (split.training, split.validation, split.test)]
    assert speakers == [{"SAVEE_DC", "SAVEE_JE"}, {"SAVEE_JK"}, {"SAVEE_KL"}]
    assert not VALIDATION & TEST


def test_the_decoded_cache_gives_the_same_sounds(corpora: Path, tmp_path: Path) -> None:
    first = read_corpus(corpora / "speech", "savee", tmp_path)
    again = read_corpus(corpora / "speech", "savee", tmp_path)
    assert len(list(tmp_path.glob("savee-*.npz"))) == len(list(tmp_path.iterdir())) == 1
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a.samples, b.samples)
    assert all(abs(len(clip.samples) - 40_000) < 4_000 for clip in first)


def test_trimming_keeps_the_voice_and_removes_the_silence(corpora: Path, tmp_path: Path) -> None:
    clip = read_corpus(corpora / "speech", "savee", tmp_path)[0]
    quiet = np.zeros(32_000, np.float32)
    padded = np.concatenate([quiet, clip.real, quiet])
    assert abs(len(trim_silence(padded)) - len(trim_silence(clip.real))) < 8_000


def test_a_crying_baby_does_not_count_as_noise(corpora: Path, tmp_path: Path) -> None:
    sounds, kinds = read_noises(corpora / "noise", tmp_path)
    assert len(sounds) == 8
    assert "crying_baby" not in kinds
