"""The corpora of videos, and the registry of all corpora."""

from pathlib import Path

import pytest

from convert.datasets import registry
from convert.datasets.labels import NONE
from convert.datasets.speech import cremad, ravdess, savee
from convert.datasets.speech.clips import TEST, TRAINING_CORPORA, VALIDATION, read_corpus
from device.errors import MediaError
from device.perception.media.decode import NoSoundError
from tests.convert import published_layouts as made


def test_cremad_videos(tmp_path: Path) -> None:
    made.video(tmp_path / "VideoFlash" / "1001_DFA_ANG_XX.flv")
    (tmp_path / "VideoDemographics.csv").write_text("ActorID,Age,Sex,Race,Ethnicity\n1001,51,Male,Caucasian,No\n")
    made.touched(tmp_path, ["AudioWAV/1001_DFA_ANG_XX.wav"])
    (clip,) = cremad.read_videos(tmp_path, part=True)
    assert (clip.name, clip.own, clip.person, clip.sex) == ("1001_DFA_ANG_XX", "angry", "CREMAD_1001", "M")
    frames = list(clip.frames())
    assert len(frames) == 6
    assert frames[0][0].shape == (48, 64, 3)
    assert len(clip.sound()) > 3_000
    whole = made.touched(tmp_path / "whole", made.cremad_names("VideoFlash", "flv"))
    assert len(cremad.read_videos(whole)) == 7442
    with pytest.raises(MediaError, match="CREMA-D video: 1 of 7442 videos in"):
        cremad.read_videos(tmp_path / "VideoFlash")


def test_ravdess_videos_with_sound_and_without(tmp_path: Path) -> None:
    silent = made.video(tmp_path / "Actor_12" / "02-01-06-01-02-01-12.mp4", sound=False)
    (clip,) = ravdess.read_speech_videos(tmp_path, part=True)
    assert (clip.own, clip.person, clip.sex, clip.intensity) == ("fear", "RAV12", "F", "normal")
    assert len(list(clip.frames())) == 6
    with pytest.raises(NoSoundError):
        clip.sound()
    made.video(silent.with_name("01-01-06-01-02-01-12.mp4"))
    (with_sound,) = ravdess.read_speech_videos(tmp_path, part=True)
    assert with_sound.name == "01-01-06-01-02-01-12"
    assert len(with_sound.sound()) > 3_000
    for channel, count, read in (("01", 1440, ravdess.read_speech_videos), ("02", 1012, ravdess.read_song_videos)):
        whole = made.touched(tmp_path / channel, made.ravdess_names(channel, "01", "mp4"))
        made.touched(whole, made.ravdess_names(channel, "02", "mp4"))
        assert len(read(whole)) == count
    with pytest.raises(MediaError, match="RAVDESS speech video: 1 of 1440 videos in"):
        ravdess.read_speech_videos(tmp_path / "Actor_12")
    with pytest.raises(MediaError, match="RAVDESS song video: no videos in"):
        ravdess.read_song_videos(tmp_path / "Actor_12", part=True)


def test_savee_videos(tmp_path: Path) -> None:
    made.video(tmp_path / "DC_su01.avi")
    made.video(tmp_path / "KL" / "n30.avi")
    found = savee.read_videos(tmp_path, part=True)
    assert [(v.name, v.own, v.person) for v in found] == [
        ("DC_su01", "surprise", "SAVEE_DC"),
        ("KL_n30", "neutral", "SAVEE_KL"),
    ]
    assert len(list(found[0].frames())) == 6
    assert len(found[0].sound()) > 3_000
    with pytest.raises(MediaError, match="SAVEE video: 2 of 480 videos in"):
        savee.read_videos(tmp_path)


def test_the_registry_knows_every_corpus_and_its_licence() -> None:
    shipped = ("ravdess_speech", "ravdess_song", "tess", "savee")
    assert shipped == TRAINING_CORPORA
    assert sorted(VALIDATION) == ["RAV17", "RAV18", "RAV19", "RAV20", "SAVEE_JK"]
    assert sorted(TEST) == ["RAV21", "RAV22", "RAV23", "RAV24", "SAVEE_KL"]
    assert set(registry.SPEECH) == {*shipped, "cremad", "emodb", "nemo", "ased", "folders"}
    assert set(registry.PICTURES) == {"fer2013", "ckplus", "jaffe", "rafdb", "affectnet", "folders"}
    assert set(registry.VIDEOS) == {"ravdess_speech_video", "ravdess_song_video", "savee_video", "cremad_video"}
    assert set(registry.NOISES) == {"esc10", "esc50"}
    for corpora in (registry.SPEECH, registry.PICTURES, registry.VIDEOS, registry.NOISES):
        for corpus in corpora.values():
            assert corpus.about
            assert corpus.licence


def test_every_file_with_corpora_is_in_the_registry() -> None:
    folder = Path(registry.__file__).parent
    files = {
        ".".join(path.relative_to(folder).with_suffix("").parts)
        for path in folder.rglob("*.py")
        if "\nCORPORA = (" in path.read_text()
    }
    assert files == set(registry._FILES)


def test_the_registry_returns_the_seven_emotions_or_every_label(tmp_path: Path) -> None:
    made.picture(tmp_path / "faces" / "joy" / "a.png", made.noise(0))
    made.picture(tmp_path / "faces" / "contempt" / "b.png", made.noise(1))
    assert [p.own for p in registry.pictures("folders", tmp_path / "faces")] == ["happy"]
    every = registry.pictures("folders", tmp_path / "faces", every=True)
    assert {(p.own, p.emotion) for p in every} == {("happy", 3), ("contempt", NONE)}
    made.tone(tmp_path / "voices" / "bored" / "a.wav")
    assert read_corpus(tmp_path / "voices", "folders") == []
    assert [c.own for c in read_corpus(tmp_path / "voices", "folders", every=True)] == ["boredom"]
    made.video(tmp_path / "videos" / "DC_n01.avi")
    assert [v.own for v in registry.videos("savee_video", tmp_path / "videos", part=True)] == ["neutral"]


def test_a_corpus_outside_the_registry_is_reported(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="no corpus 'sfew'; there are fer2013, ckplus"):
        registry.pictures("sfew", tmp_path)
    with pytest.raises(MediaError, match="no corpus 'savee'; there are ravdess_speech_video"):
        registry.videos("savee", tmp_path)
    with pytest.raises(MediaError, match="no corpus 'iemocap' there; the readers know ravdess_speech"):
        read_corpus(tmp_path, "iemocap")
    with pytest.raises(MediaError, match="no corpus 'esc20'; there are esc10, esc50"):
        registry.find_corpus(registry.NOISES, "esc20")
