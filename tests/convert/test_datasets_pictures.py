"""The corpora of faces as published: labels, people, splits, and errors in a copy."""

from pathlib import Path

import numpy as np
import pytest

from convert.datasets import folders
from convert.datasets.labels import NONE
from convert.datasets.pictures import affectnet, ckplus, jaffe, rafdb
from convert.datasets.records import tiles
from device.emotions import EMOTIONS
from device.errors import MediaError
from tests.convert import published_layouts as made


def ck_sequence(folder: Path, take: str, frames: int, code: int | None) -> None:
    for i in range(1, frames + 1):
        name = f"{take.replace('/', '_')}_{i:08d}"
        made.picture(folder / "cohn-kanade-images" / take / f"{name}.png", made.noise(i, 64))
    if code is not None:
        label = folder / "Emotion" / take / f"{name}_emotion.txt"
        label.parent.mkdir(parents=True)
        label.write_text(f"   {code:.7e}\n")


def test_ck_labels_the_last_three_frames_of_a_sequence_and_the_first_as_neutral(tmp_path: Path) -> None:
    ck_sequence(tmp_path, "S005/001", 11, 3)
    ck_sequence(tmp_path, "S010/002", 8, 2)
    ck_sequence(tmp_path, "S010/003", 8, None)
    found = ckplus.read(tmp_path, part=True)
    assert [(p.name, p.own, p.person) for p in found[:4]] == [
        ("S005_001_00000001", "neutral", "S005"),
        ("S005_001_00000009", "disgust", "S005"),
        ("S005_001_00000010", "disgust", "S005"),
        ("S005_001_00000011", "disgust", "S005"),
    ]
    assert len(found) == 8
    contempt = [p for p in found if p.own == "contempt"]
    assert len(contempt) == 3
    assert {p.emotion for p in contempt} == {NONE}
    np.testing.assert_array_equal(found[1].gray(), made.noise(9, 64))
    assert tiles(found).shape == (8, 48, 48)
    with pytest.raises(MediaError, match=r"CK\+: 2 of 327 labelled sequences in .*; copy it again"):
        ckplus.read(tmp_path)


def test_a_ck_sequence_without_its_last_frame_is_incomplete(tmp_path: Path) -> None:
    ck_sequence(tmp_path, "S005/001", 11, 3)
    ck_sequence(tmp_path, "S010/002", 8, 7)
    (tmp_path / "cohn-kanade-images" / "S005" / "001" / "S005_001_00000011.png").unlink()
    assert {p.person for p in ckplus.read(tmp_path, part=True)} == {"S010"}
    label = next(tmp_path.rglob("S010*_emotion.txt"))
    label.write_text("   9.0000000e+00\n")
    with pytest.raises(MediaError, match=r"S010_002_00000008_emotion\.txt: contains no number from 0 to 7"):
        ckplus.read(tmp_path, part=True)


def test_ck_as_a_table_of_pixels(tmp_path: Path) -> None:
    pictures = np.array([made.noise(i) for i in range(8)])
    made.pixel_table(tmp_path / "ckextended.csv", pictures, range(8), [0] * 6 + [1, 2])
    found = ckplus.read(tmp_path, part=True)
    owns = ["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral", "contempt"]
    assert [p.own for p in found] == owns
    assert [p.split for p in found[5:]] == ["training", "validation", "test"]
    np.testing.assert_array_equal(tiles(found), pictures)
    with pytest.raises(MediaError, match=r"CK\+ \(csv\): 8 of 920 rows"):
        ckplus.read(tmp_path)


def test_ck48_folders(tmp_path: Path) -> None:
    made.picture(tmp_path / "CK+48" / "anger" / "S010_004_00000017.png", made.noise(0))
    made.picture(tmp_path / "CK+48" / "contempt" / "S138_008_00000007.png", made.noise(1))
    found = ckplus.read(tmp_path, part=True)
    assert [(p.own, p.person) for p in found] == [("angry", "S010"), ("contempt", "S138")]
    with pytest.raises(MediaError, match=r"CK\+48: 2 of 981 pictures"):
        ckplus.read(tmp_path)
    made.picture(tmp_path / "CK+48" / "anger" / "holiday.png", made.noise(2))
    with pytest.raises(MediaError, match=r"holiday\.png: not named like CK\+48's"):
        ckplus.read(tmp_path, part=True)


def test_no_ck_at_all(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=r"CK\+: .*nowhere is missing"):
        ckplus.read(tmp_path / "nowhere")
    with pytest.raises(MediaError, match=r"CK\+48: no pictures in"):
        ckplus.read(tmp_path)


def test_jaffe(tmp_path: Path) -> None:
    made.touched(tmp_path / "whole", made.jaffe_names())
    found = jaffe.read(tmp_path / "whole")
    assert len(found) == 213
    assert len({p.person for p in found}) == 10
    assert {p.sex for p in found} == {"F"}
    made.picture(tmp_path / "part" / "KA.AN1.39.tiff", made.noise(3, 256))
    anger = jaffe.read(tmp_path / "part", part=True)[0]
    assert (anger.name, anger.own, anger.person, EMOTIONS[anger.emotion]) == ("KA.AN1.39", "angry", "KA", "angry")
    np.testing.assert_array_equal(anger.gray(), made.noise(3, 256))
    with pytest.raises(MediaError, match="JAFFE: 1 of 213 pictures in"):
        jaffe.read(tmp_path / "part")
    made.touched(tmp_path / "part", ["KA.XX1.39.tiff"])
    with pytest.raises(MediaError, match=r"KA\.XX1\.39\.tiff: not named like JAFFE's"):
        jaffe.read(tmp_path / "part", part=True)


def rafdb_copy(root: Path) -> Path:
    labels = {"train_00001": 5, "train_00002": 1, "test_0001": 7, "test_0002": 4}
    for i, name in enumerate(labels):
        if name != "test_0002":
            made.picture(root / "Image" / "aligned" / f"{name}_aligned.jpg", made.noise(i, 100))
    (root / "EmoLabel").mkdir()
    (root / "EmoLabel" / "list_patition_label.txt").write_text("".join(f"{n}.jpg {c}\n" for n, c in labels.items()))
    manual = root / "Annotation" / "manual"
    manual.mkdir(parents=True)
    corners = "10.5\t20.5\n" * 5
    (manual / "train_00001_manu_attri.txt").write_text(f"{corners}1\n0\n2\n")
    (manual / "train_00002_manu_attri.txt").write_text(f"{corners}0\n0\n2\n")
    (manual / "test_0001_manu_attri.txt").write_text(f"{corners}2\n0\n2\n")
    return root


def test_rafdb(tmp_path: Path) -> None:
    rafdb_copy(tmp_path / "basic")
    found = rafdb.read(tmp_path, part=True)
    assert [(p.name, p.own, p.split, p.sex) for p in found] == [
        ("train_00001", "sad", "training", "F"),
        ("train_00002", "surprise", "training", "M"),
        ("test_0001", "neutral", "test", ""),
    ]
    assert tiles(found, 48).shape == (3, 48, 48)
    with pytest.raises(MediaError, match="RAF-DB: 3 of 15339 pictures in"):
        rafdb.read(tmp_path)
    (tmp_path / "basic" / "EmoLabel" / "list_patition_label.txt").write_text("train_00001.jpg 5\ntrain_00002.jpg 9\n")
    with pytest.raises(MediaError, match=r"list_patition_label\.txt, line 2: 'train_00002.jpg 9' is not a label"):
        rafdb.read(tmp_path, part=True)
    with pytest.raises(MediaError, match=r"RAF-DB: .*list_patition_label\.txt is missing"):
        rafdb.read(tmp_path / "basic" / "Image", part=True)


def test_rafdbs_seven_codes(tmp_path: Path) -> None:
    names = [f"train_{code:05d}" for code in range(1, 8)]
    made.touched(tmp_path, [f"Image/aligned/{name}_aligned.jpg" for name in names])
    (tmp_path / "EmoLabel").mkdir()
    lines = "".join(f"{name}.jpg {code}\n" for code, name in enumerate(names, start=1))
    (tmp_path / "EmoLabel" / "list_patition_label.txt").write_text(lines)
    owns = [picture.own for picture in rafdb.read(tmp_path, part=True)]
    assert owns == ["surprise", "fear", "disgust", "happy", "sad", "angry", "neutral"]


HEADER = "subDirectory_filePath,face_x,face_y,face_width,face_height,facial_landmarks,expression,valence,arousal\n"


def affectnet_tables(folder: Path) -> Path:
    images = folder / "Manually_Annotated_Images"
    for i, name in enumerate(("1/a.jpg", "1/b.jpg", "2/c.png", "2/d.png")):
        made.picture(images / name, made.noise(i, 32))
    (folder / "training.csv").write_text(
        HEADER
        + '1/a.jpg,4,6,20,10,"1;2",1,0.5,0.5\n'
        + '1/b.jpg,NaN,NaN,NaN,NaN,"",10,-2,-2\n'
        + '2/c.png,4,6,20,10,"1;2",7,0.5,0.5\n'
        + '9/gone.jpg,4,6,20,10,"1;2",3,0.5,0.5\n'
    )
    (folder / "validation.csv").write_text('2/d.png,2,3,500,10,"1;2",6,0.5,0.5\n')
    return folder


def test_affectnet_as_tables(tmp_path: Path) -> None:
    found = affectnet.read(affectnet_tables(tmp_path), part=True)
    assert [(p.name, p.own, p.split, p.box) for p in found] == [
        ("1/a.jpg", "happy", "training", (4, 6, 20, 10)),
        ("1/b.jpg", "no-face", "training", None),
        ("2/c.png", "contempt", "training", (4, 6, 20, 10)),
        ("2/d.png", "angry", "validation", (2, 3, 500, 10)),
    ]
    assert [p.emotion for p in found] == [3, NONE, NONE, 0]
    assert [p.gray().shape for p in found] == [(10, 20), (32, 32), (10, 20), (10, 30)]
    np.testing.assert_array_equal(found[2].gray(), made.noise(2, 32)[6:16, 4:24])
    with pytest.raises(MediaError, match="AffectNet: 4 of 420299 pictures in"):
        affectnet.read(tmp_path)
    table = tmp_path / "training.csv"
    table.write_text(table.read_text().replace(",7,0.5", ",17,0.5"))
    with pytest.raises(MediaError, match=r"training\.csv, line 4: expression '17'; AffectNet has 0 to 10"):
        affectnet.read(tmp_path, part=True)
    table.unlink()
    with pytest.raises(MediaError, match=r"AffectNet: neither training\.csv nor train_set is in"):
        affectnet.read(tmp_path, part=True)


@pytest.mark.parametrize("cell", ["inf", "-inf", "1e400", "a", ""])
def test_an_affectnet_box_without_size_is_none(cell: str, tmp_path: Path) -> None:
    table = affectnet_tables(tmp_path) / "training.csv"
    table.write_text(table.read_text().replace("1/a.jpg,4,6,20,10", f"1/a.jpg,4,6,{cell},10"))
    found = affectnet.read(tmp_path, part=True)[0]
    assert (found.name, found.box, found.gray().shape) == ("1/a.jpg", None, (32, 32))


def test_a_damaged_affectnet_table_is_reported(tmp_path: Path) -> None:
    table = affectnet_tables(tmp_path) / "training.csv"
    text = table.read_text()
    table.write_bytes(text.replace("9/gone", "9/g\xf6ne").encode("latin-1"))
    with pytest.raises(MediaError, match=r"training\.csv, line \d: cannot be read as a table .*utf-8"):
        affectnet.read(tmp_path, part=True)
    table.write_text(text.replace('9/gone.jpg,4,6,20,10,"1;2"', '9/gone.jpg,4,6,20,10,"1;2'))
    with pytest.raises(MediaError, match=r"training\.csv, line \d: cannot be read as a table"):
        affectnet.read(tmp_path, part=True)


def test_affectnet_as_annotations(tmp_path: Path) -> None:
    for name, code in (("train_set/{}/0", "1"), ("train_set/{}/7", "7"), ("val_set/{}/1", "4")):
        made.picture(tmp_path / f"{name.format('images')}.jpg", made.noise(int(code), 32))
        annotation = tmp_path / f"{name.format('annotations')}_exp.npy"
        annotation.parent.mkdir(parents=True, exist_ok=True)
        np.save(annotation, np.array(code))
    made.picture(tmp_path / "train_set" / "images" / "8.jpg", made.noise(8, 32))  # has no annotation
    found = affectnet.read(tmp_path, part=True)
    assert [(p.name, p.own, p.split) for p in found] == [
        ("train_set/0", "happy", "training"),
        ("train_set/7", "contempt", "training"),
        ("val_set/1", "fear", "validation"),
    ]
    with pytest.raises(MediaError, match="AffectNet: 3 of 291650 pictures in"):
        affectnet.read(tmp_path)
    (tmp_path / "val_set" / "annotations" / "1_exp.npy").write_bytes(b"")
    with pytest.raises(MediaError, match=r"1_exp\.npy: cannot be read as a number"):
        affectnet.read(tmp_path, part=True)


def test_any_folders_of_pictures(tmp_path: Path) -> None:
    made.picture(tmp_path / "train" / "joy" / "a.png", made.noise(0))
    made.picture(tmp_path / "test" / "Contempt" / "b.jpg", made.noise(1))
    found = folders.read_pictures(tmp_path)
    assert [(p.own, p.split, p.emotion) for p in found] == [("contempt", "test", NONE), ("happy", "training", 3)]
    plain = folders.read_pictures(tmp_path / "train")
    assert [(p.own, p.split) for p in plain] == [("happy", "")]
    with pytest.raises(MediaError, match="contains no pictures; it needs one folder per emotion"):
        folders.read_pictures(made.touched(tmp_path / "empty", ["note.txt"]))
    made.picture(tmp_path / "loose.png", made.noise(2))
    with pytest.raises(MediaError, match="unknown emotion"):
        folders.read_pictures(tmp_path)


def test_an_unreadable_picture_is_named(tmp_path: Path) -> None:
    path = made.picture(tmp_path / "happy" / "a.png", made.noise(0))
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(MediaError, match=r"a\.png: the picture breaks off"):
        tiles(folders.read_pictures(tmp_path))
