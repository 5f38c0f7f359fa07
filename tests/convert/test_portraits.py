"""Webfaces and people: what is read of them, how they are split, and what is said of a damaged copy."""

import zipfile
from pathlib import Path

import numpy as np
import pytest

from convert.datasets.pictures.near_copies import group_near_copies
from convert.datasets.pictures.people import read_people
from convert.datasets.pictures.webfaces import Webfaces, read
from device.errors import MediaError
from tests.convert import portraits

DATA = Path(__file__).parents[3] / "shared" / "data"


def test_every_portrait_is_read_with_its_split_and_emotion(tmp_path: Path) -> None:
    pictures = portraits.webfaces(tmp_path)
    found = read(tmp_path, part=True)
    assert [record.own for record in found[:7]] == list(portraits.EMOTIONS)
    assert [record.split for record in found].count("test") == 14
    np.testing.assert_array_equal(found[5].gray(), pictures[5])
    with pytest.raises(MediaError, match=r"webfaces\.csv: 154 of 30405 pictures; copy it again"):
        read(tmp_path)


def test_no_copy_stands_on_both_sides_of_a_split(tmp_path: Path) -> None:
    pictures = portraits.webfaces(tmp_path)
    faces = Webfaces(tmp_path, part=True)
    training, validation, test = faces.training(), faces.validation(), faces.test()
    assert len(test) == 14
    assert len(validation) >= 10
    # The copies of two test pictures, one of them mirrored, are learnt from by nobody.
    assert len(training) + len(validation) == 140 - 2
    everything = np.concatenate([training.pictures, validation.pictures])
    for copy in (2, 3):
        assert not (everything == pictures[copy]).all(axis=(1, 2)).any()
    both = [bool((part.pictures == pictures[0]).all(axis=(1, 2)).any()) for part in (training, validation)]
    copies = [bool((part.pictures == pictures[1]).all(axis=(1, 2)).any()) for part in (training, validation)]
    assert both == copies, "a picture and its copy are on one side"


def test_copies_are_found_brighter_and_mirrored_and_others_are_not() -> None:
    pictures = np.stack([portraits.portrait(seed) for seed in range(6)])
    pictures[4] = np.minimum(pictures[1] * 1.3, 255)
    pictures[5] = pictures[4][:, ::-1]
    assert group_near_copies(pictures).tolist() == [0, 1, 2, 3, 1, 1]


def test_a_damaged_copy_is_told(tmp_path: Path) -> None:
    portraits.webfaces(tmp_path)
    table = tmp_path / "webfaces.csv"
    table.write_text(table.read_text().replace("00004,train,sad", "00004,train,contempt"))
    with pytest.raises(MediaError, match=r"webfaces\.csv, 00004: split 'train', emotion 'contempt'"):
        read(tmp_path, part=True)
    with zipfile.ZipFile(tmp_path / "webfaces.zip", "w") as archive:
        archive.writestr("00000.webp", portraits.webp(portraits.portrait(0)))
        archive.writestr("00001.webp", b"no picture")
    with pytest.raises(MediaError, match="152 of 154 pictures are missing"):
        read(tmp_path)
    with pytest.raises(MediaError, match="00001: cannot be decoded"):
        read(tmp_path, part=True)
    (tmp_path / "webfaces.zip").write_bytes(b"PK")
    with pytest.raises(MediaError, match=r"webfaces\.zip: cannot be read as a zip"):
        read(tmp_path)


def test_a_portrait_of_another_size_is_refused(tmp_path: Path) -> None:
    rows = [["00000", "20", "f", "white"]]
    pictures = [portraits.portrait(0, side=32)]
    portraits.write_archive(tmp_path, "people", ["name", "age", "sex", "ethnicity"], rows, pictures)
    with pytest.raises(MediaError, match="00000: 32×32 px instead of 64×64"):
        read_people(tmp_path, part=True)


def test_people_have_age_bands(tmp_path: Path) -> None:
    portraits.people(tmp_path)
    people = read_people(tmp_path, part=True)
    assert people.age_bands.tolist() == ["0–9", "0–9", "10–19", "50–64", "65 and over"]
    assert people.sexes.tolist() == ["F", "M", "F", "M", "F"]
    with pytest.raises(MediaError, match=r"people\.csv: 5 of 9672 pictures"):
        read_people(tmp_path)
    table = tmp_path / "people.csv"
    table.write_text(table.read_text().replace("00001,9,m", "00001,nine,m"))
    with pytest.raises(MediaError, match="00001: age 'nine'"):
        read_people(tmp_path, part=True)


@pytest.mark.data
@pytest.mark.skipif(not (DATA / "webfaces").exists(), reason="needs ../shared/data")
def test_the_whole_sets_are_as_their_readme_tells() -> None:
    found = read(DATA / "webfaces")
    assert len(found) == 30_405
    assert sum(record.split == "test" for record in found) == 2_904
    people = read_people(DATA / "webfaces")
    assert (people.ethnicities == "white").sum() == 5_190
