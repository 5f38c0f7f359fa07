"""The voice corpora as published: what their names contain, and errors in a copy."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from convert.datasets import folders
from convert.datasets.labels import NONE, label_index, own_label
from convert.datasets.noise.esc10 import read_named_noises, read_noises, select_held_out
from convert.datasets.records import Sound
from convert.datasets.speech import cremad, emodb, ravdess, savee, tess
from convert.datasets.speech.clips import list_sounds, read_corpus, split_by_speaker
from device.emotions import EMOTIONS
from device.errors import MediaError
from tests.convert import published_layouts as made

WHOLE = {
    "RAVDESS speech": (ravdess.read_speech, made.ravdess_names("01"), 1440),
    "RAVDESS song": (ravdess.read_song, made.ravdess_names("02"), 1012),
    "TESS": (tess.read, made.tess_names(), 2800),
    "SAVEE": (savee.read, made.savee_names(), 480),
    "CREMA-D": (cremad.read, made.cremad_names(), 7442),
    "EmoDB": (emodb.read, made.emodb_names(), 535),
}


@pytest.mark.parametrize("title", WHOLE)
def test_a_complete_copy_is_read_and_an_incomplete_one_refused_unless_allowed(title: str, tmp_path: Path) -> None:
    read, names, count = WHOLE[title]
    assert len(names) == count
    made.touched(tmp_path / "whole", names)
    assert len(read(tmp_path / "whole")) == count
    half = made.touched(tmp_path / "half", names[: count // 2])
    with pytest.raises(MediaError, match=rf"{title}: {count // 2} of {count} clips in .*half; copy it again, or"):
        read(half)
    assert len(read(half, part=True)) == count // 2


@pytest.mark.parametrize("title", WHOLE)
def test_a_missing_copy_is_reported(title: str, tmp_path: Path) -> None:
    read = WHOLE[title][0]
    with pytest.raises(MediaError, match=rf"{title}: .*nowhere is missing; put the dataset there or name its folder"):
        read(tmp_path / "nowhere")
    with pytest.raises(MediaError, match=f"{title}: no clips in .*, such as .*; put the dataset there"):
        read(tmp_path, part=True)


@pytest.mark.parametrize(
    ("read", "name"),
    [
        (ravdess.read_speech, "Actor_01/03-01-09-01-02-01-12.wav"),
        (ravdess.read_song, "Actor_01/holiday.wav"),
        (tess.read, "OAF_angry/OAF_back_furious.wav"),
        (savee.read, "DC/x01.wav"),
        (cremad.read, "AudioWAV/1001_DFA_BOR_XX.wav"),
        (emodb.read, "wav/03a01Xa.wav"),
        (emodb.read, "wav/77a01Fa.wav"),
    ],
)
def test_a_foreign_file_is_named(read: Callable[..., list[Sound]], name: str, tmp_path: Path) -> None:
    made.touched(tmp_path, [name])
    with pytest.raises(MediaError, match=rf"{Path(name).name}: not named like .*, such as .*; remove it or rename it"):
        read(tmp_path, part=True)


def test_ravdess_names_hold_everything(tmp_path: Path) -> None:
    made.touched(tmp_path / "Audio_Speech_Actors_01-24", made.ravdess_names("01"))
    made.touched(tmp_path / "Audio_Song_Actors_01-24", made.ravdess_names("02"))
    spoken = {sound.name: sound for sound in ravdess.read_speech(tmp_path)}
    fearful = spoken["03-01-06-01-02-01-12"]
    assert (fearful.own, EMOTIONS[fearful.emotion], fearful.corpus) == ("fear", "fear", "ravdess_speech")
    assert (fearful.person, fearful.sex, fearful.statement, fearful.intensity) == ("RAV12", "F", "S02", "normal")
    calm = spoken["03-01-02-02-01-01-01"]
    assert (calm.own, EMOTIONS[calm.emotion], calm.sex, calm.intensity) == ("calm", "neutral", "M", "strong")
    assert [s.person for s in spoken.values()] == sorted(s.person for s in spoken.values())
    sung = ravdess.read_song(tmp_path)
    assert {s.own for s in sung} == {"neutral", "calm", "happy", "sad", "angry", "fear"}
    assert "RAV18" not in {s.person for s in sung}


def test_a_nested_copy_counts_once(tmp_path: Path) -> None:
    names = made.ravdess_names("01")
    made.touched(tmp_path, names)
    made.touched(tmp_path / "audio_speech_actors_01-24", names)
    made.touched(tmp_path / "__MACOSX" / "Actor_01", ["._03-01-01-01-01-01-01.wav"])
    assert len(ravdess.read_speech(tmp_path)) == 1440


def test_tess_names_hold_everything(tmp_path: Path) -> None:
    found = {sound.name: sound for sound in tess.read(made.touched(tmp_path, made.tess_names()))}
    bite = found["OA_bite_neutral"]
    assert (bite.own, bite.person, bite.sex, bite.statement) == ("neutral", "TESS_OAF", "F", "bite")
    assert found["YAF_bite_ps"].own == "surprise"
    assert {sound.person for sound in found.values()} == {"TESS_OAF", "TESS_YAF"}


@pytest.mark.parametrize("flat", [False, True])
def test_savee_names_hold_everything(flat: bool, tmp_path: Path) -> None:
    found = {sound.name: sound for sound in savee.read(made.touched(tmp_path, made.savee_names(flat=flat)))}
    assert len(found) == 480
    get_fields = {name: (s.own, s.person, s.sex, s.statement) for name, s in found.items()}
    assert get_fields["KL_su15"] == ("surprise", "SAVEE_KL", "M", "su15")
    assert get_fields["DC_sa01"] == ("sad", "SAVEE_DC", "M", "sa01")
    assert get_fields["JE_n30"] == ("neutral", "SAVEE_JE", "M", "n30")


def test_cremad_names_hold_everything_and_its_table_the_sex(tmp_path: Path) -> None:
    names = ("1001_DFA_ANG_XX", "1040_ITH_SAD_X", "1002_IEO_FEA_HI")
    made.touched(tmp_path, [f"AudioWAV/{name}.wav" for name in names])
    assert {sound.sex for sound in cremad.read(tmp_path, part=True)} == {""}
    (tmp_path / "VideoDemographics.csv").write_text(
        "ActorID,Age,Sex,Race,Ethnicity\n1001,51,Male,Caucasian,Not Hispanic\n1002,21,Female,Caucasian,Not Hispanic\n"
    )
    found = cremad.read(tmp_path, part=True)
    assert [(s.person, s.sex, s.own, s.statement, s.intensity) for s in found] == [
        ("CREMAD_1001", "M", "angry", "DFA", ""),
        ("CREMAD_1002", "F", "fear", "IEO", "high"),
        ("CREMAD_1040", "", "sad", "ITH", ""),
    ]
    assert [s.sex for s in cremad.read(tmp_path / "AudioWAV", part=True)] == ["M", "F", ""]


def test_emodb_names_hold_everything_and_boredom_is_outside_the_seven(tmp_path: Path) -> None:
    for letter in "WLEAFTN":
        made.tone(tmp_path / "wav" / f"03a01{letter}a.wav")
    made.tone(tmp_path / "wav" / "16b10Wb.wav")
    found = {sound.name: sound for sound in emodb.read(tmp_path, part=True)}
    owns = [found[f"03a01{letter}a"].own for letter in "WLEAFTN"]
    assert owns == ["angry", "boredom", "disgust", "fear", "happy", "sad", "neutral"]
    assert found["03a01La"].emotion == NONE
    assert (found["16b10Wb"].person, found["16b10Wb"].sex, found["16b10Wb"].statement) == ("EMODB_16", "F", "b10")
    assert found["03a01Wa"].sex == "M"
    assert "boredom" not in {clip.own for clip in read_corpus(tmp_path, "emodb", part=True)}
    assert [c.emotion for c in read_corpus(tmp_path, "emodb", every=True, part=True) if c.own == "boredom"] == [NONE]


def test_published_clips_are_decoded_once_and_split_like_the_shared_ones(tmp_path: Path) -> None:
    folder = tmp_path / "speech"
    for i, man in enumerate(("DC", "JK", "KL")):
        made.tone(folder / "savee" / man / "a01.wav", 200 + 50 * i, rate_hz=44_100)
    first = read_corpus(folder, "savee", tmp_path / "cache", part=True)
    assert [clip.name for clip in first] == ["DC_a01", "JK_a01", "KL_a01"]
    assert all(abs(len(clip.samples) - 3_200) < 50 for clip in first)
    assert all(clip.samples.dtype == np.int16 and clip.own == "angry" and clip.statement == "a01" for clip in first)
    again = read_corpus(folder, "savee", tmp_path / "cache", part=True)
    assert len(list((tmp_path / "cache").iterdir())) == 1
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a.samples, b.samples)
    split = split_by_speaker(first)
    assert [c.speaker for part in (split.training, split.validation, split.test) for c in part] == [
        "SAVEE_DC",
        "SAVEE_JK",
        "SAVEE_KL",
    ]
    made.tone(folder / "savee" / "JE" / "a01.wav")
    assert len(read_corpus(folder, "savee", tmp_path / "cache", part=True)) == 4


def test_an_undecodable_clip_is_named(tmp_path: Path) -> None:
    made.tone(tmp_path / "wav" / "03a01Fa.wav")
    # A checkout of CREMA-D without git-lfs contains such files.
    (tmp_path / "wav" / "03a01Wa.wav").write_text("version https://git-lfs.github.com/spec/v1\n")
    with pytest.raises(MediaError, match=r"03a01Wa\.wav: cannot be read as sound"):
        read_corpus(tmp_path, "emodb", part=True)


def test_an_unknown_corpus_is_reported(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=r"no corpus 'iemocap' there; the readers know ravdess_speech, .*emodb"):
        list_sounds(tmp_path, "iemocap")


def test_any_folders_of_sounds(tmp_path: Path) -> None:
    made.tone(tmp_path / "train" / "Happiness" / "a.wav")
    made.tone(tmp_path / "val" / "0_Anger" / "a.wav")
    made.tone(tmp_path / "test" / "calm" / "b.wav")
    found = folders.read_sounds(tmp_path)
    assert {(s.name, s.own, s.split) for s in found} == {
        ("train/Happiness/a", "happy", "training"),
        ("val/0_Anger/a", "angry", "validation"),
        ("test/calm/b", "calm", "test"),
    }
    clips = read_corpus(tmp_path, "folders")
    assert sorted(EMOTIONS[c.emotion] for c in clips) == ["angry", "happy", "neutral"]
    made.tone(tmp_path / "train" / "holiday" / "c.wav")
    with pytest.raises(MediaError, match="holiday: unknown emotion 'holiday'"):
        folders.read_sounds(tmp_path)


def test_common_spellings_are_one_label() -> None:
    for word in ("Joy", "HAP", "happiness", "3_happy", "happy"):
        assert own_label(word, "here") == "happy"
    assert own_label("Pleasant Surprise", "here") == "surprise"
    assert label_index("contempt") == label_index("boredom") == NONE
    assert label_index("calm") == label_index("neutral") == 6
    assert [label_index(emotion.value) for emotion in EMOTIONS] == list(range(7))


def esc50(folder: Path) -> Path:
    """Five sounds of ESC-50, three of which are ESC-10's."""
    rows = ["filename,fold,target,category,esc10,src_file,take"]
    for name, category, ten in (
        ("1-17367-A-10", "rain", True),
        ("1-100032-A-0", "dog", True),
        ("1-187207-A-20", "crying_baby", True),
        ("1-100210-A-36", "vacuum_cleaner", False),
        ("2-109316-A-26", "laughing", False),
    ):
        made.tone(folder / "audio" / f"{name}.wav", rate_hz=44_100)
        rows.append(f"{name}.wav,{name[0]},{name.rsplit('-', 1)[1]},{category},{ten},1,A")
    (folder / "meta").mkdir()
    (folder / "meta" / "esc50.csv").write_text("\n".join(rows) + "\n")
    return folder


def test_published_household_sounds_without_voices_in_esc_10_s_order(tmp_path: Path) -> None:
    folder = esc50(tmp_path / "ESC-50-master")
    sounds, kinds = read_noises(folder, tmp_path / "cache", part=True)
    assert kinds == ["dog", "rain"]
    assert [noise.name for noise in read_named_noises(folder, part=True)] == ["1-100032-A-0", "1-17367-A-10"]
    assert all(abs(len(sound) - 3_200) < 50 for sound in sounds)
    assert read_noises(tmp_path, corpus="esc50", part=True)[1] == ["rain", "dog", "vacuum_cleaner"]
    with pytest.raises(MediaError, match=r"ESC-10: 3 of 400 sounds in .*ESC-50-master; copy it again"):
        read_noises(folder)


def test_missing_household_sounds_are_reported(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=r"ESC-10: .*esc10.csv is missing"):
        read_noises(tmp_path)


def test_another_take_of_a_training_recording_is_not_held_out_for_the_test() -> None:
    trained = ["1-7-A", "1-8-A", "2-9-A", "2-9-B"]
    assert select_held_out(["1-1-A", *trained, "2-8-B", *trained, "3-70-A-4", *trained]) == [0, 10]
    # Two held-out takes of one recording are both new to the networks.
    assert select_held_out(["1-1-A", *trained, "1-1-B"]) == [0, 5]
    with pytest.raises(MediaError, match="rain: not named like an ESC sound, such as 1-100032-A; remove it or rename"):
        select_held_out(["rain"])
