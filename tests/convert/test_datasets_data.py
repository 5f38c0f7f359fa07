"""The real corpora, if present: as many files as published, and equal from the zip and from the published names."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from convert.datasets.noise.esc10 import read_named_noises, select_held_out
from convert.datasets.pictures.fer2013 import Fer2013
from convert.datasets.pictures.fer2013_formats import group_copies, read_rows
from convert.datasets.records import Sound
from convert.datasets.registry import SPEECH
from convert.datasets.speech import savee
from convert.datasets.speech.clips import list_sounds
from tests.convert import published_layouts as made

DATA = Path(__file__).parents[3] / "shared" / "data"


def needed(place: str) -> Path:
    if not (DATA / place).exists():
        pytest.skip(f"{DATA / place} is not here")
    return DATA / place


def get_fields(sound: Sound) -> tuple[str, ...]:
    return (sound.name, sound.own, sound.person, sound.sex, sound.statement, sound.intensity)


@pytest.mark.data
@pytest.mark.parametrize(
    ("corpus", "count", "speakers", "labels"),
    [
        ("ravdess_speech", 1440, 24, 8),
        ("ravdess_song", 1012, 23, 6),
        ("tess", 2800, 2, 7),
        ("savee", 480, 4, 7),
    ],
)
def test_a_voice_corpus_is_complete_and_its_names_match_its_table(
    corpus: str, count: int, speakers: int, labels: int, tmp_path: Path
) -> None:
    sounds = list_sounds(needed(f"speech/{corpus}.zip").parent, corpus)
    assert len(sounds) == count
    assert len({s.person for s in sounds}) == speakers
    assert len({s.own for s in sounds}) == labels
    published = SPEECH[corpus].read(made.touched(tmp_path, [f"{s.name}.wav" for s in sounds]))
    ours, theirs = [get_fields(s) for s in published], [get_fields(s) for s in sounds]
    if corpus == "tess":  # its table is unsorted
        ours, theirs = sorted(ours), sorted(theirs)
    assert ours == theirs


@pytest.mark.data
def test_fer2013_is_complete_and_its_copies_are_found_by_their_pixels() -> None:
    folder = needed("fer2013")
    corpus = Fer2013(folder)
    sizes = [len(corpus.training(as_published=True)), len(corpus.validation()), len(corpus.test())]
    assert sizes == [28_709, 3_589, 3_589]
    assert len(corpus.test(without_copies=True)) == 3_301
    assert Counter(corpus.test().labels.tolist()) == {0: 491, 1: 55, 2: 528, 3: 879, 4: 594, 5: 416, 6: 626}
    rows = read_rows(folder)
    found = group_copies(rows.pictures)
    pairs = len(np.unique(np.stack([rows.group, found]), axis=1).T)
    assert pairs == len(np.unique(rows.group)) == len(np.unique(found))


@pytest.mark.data
def test_real_faces_are_the_same_from_a_csv(tmp_path: Path) -> None:
    rows = read_rows(needed("fer2013"))
    chosen = [*range(100), *range(28_709, 28_759), *range(32_298, 32_348)]
    usages = rows.usage[chosen].tolist()
    made.pixel_table(tmp_path / "fer2013.csv", rows.pictures[chosen], rows.labels[chosen].tolist(), usages)
    made.ferplus_table(tmp_path / "fer2013new.csv", rows.counts[chosen].astype(int).tolist(), usages)
    again = read_rows(tmp_path, part=True)
    np.testing.assert_array_equal(again.pictures, rows.pictures[chosen])
    np.testing.assert_array_equal(again.labels, rows.labels[chosen])
    np.testing.assert_array_equal(again.counts, rows.counts[chosen])


@pytest.mark.data
def test_esc_10_is_complete_and_in_the_order_of_the_published_copy() -> None:
    import csv

    from convert.datasets.noise.esc10 import _TEN

    rows = list(csv.DictReader((needed("noise/esc10.csv")).read_text().splitlines()))
    assert len(rows) == 400
    kinds = list(dict.fromkeys(row["label"] for row in rows))
    assert [a.split("_")[0] for a in kinds[:3]] == [b.split("_")[0] for b in _TEN[:3]]
    for kind in kinds:
        names = [row["name"] for row in rows if row["label"] == kind]
        assert names == sorted(names)


@pytest.mark.data
def test_25_of_esc_10s_held_out_sounds_share_a_recording_with_training() -> None:
    names = [noise.name for noise in read_named_noises(needed("noise"))]
    held_out = select_held_out(names)
    assert (len(names), len(names[::5]), len(held_out)) == (360, 72, 47)
    trained = {name.split("-")[1] for i, name in enumerate(names) if i % 5}
    assert not trained & {names[i].split("-")[1] for i in held_out}


@pytest.mark.data
def test_savees_videos_have_frames_and_sound() -> None:
    videos = savee.read_videos(needed("clips"), part=True)
    assert {v.own for v in videos} == {"angry", "disgust", "fear", "happy", "neutral", "sad", "surprise"}
    assert {v.person for v in videos} == {"SAVEE_DC"}
    assert next(videos[0].frames())[0].ndim == 3
    assert len(videos[0].sound()) > 16_000
