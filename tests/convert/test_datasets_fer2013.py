"""FER2013 in every form: each gives the same faces."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convert.datasets.pictures.fer2013 import Faces, Fer2013, read
from device.emotions import EMOTIONS
from device.errors import MediaError
from tests.convert import published_layouts as made

OF_EACH = 14
VOTES = [[0, 10, 0, 0, 0, 0, 0, 0, 0, 0], [2, 0, 0, 8, 0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 0, 0, 1, 9]]


def parts_of(corpus: Fer2013) -> list[Faces]:
    return [
        corpus.training(),
        corpus.training(as_published=True),
        corpus.validation(),
        corpus.test(),
        corpus.test(without_copies=True),
    ]


def same(one: Fer2013, other: Fer2013) -> None:
    for a, b in zip(parts_of(one), parts_of(other), strict=True):
        np.testing.assert_array_equal(a.pictures, b.pictures)
        np.testing.assert_array_equal(a.labels, b.labels)
        np.testing.assert_array_equal(a.counts, b.counts)


def test_csv_npz_and_folders_give_the_same_faces(tmp_path: Path) -> None:
    pictures, labels, usages = made.fer2013_faces(OF_EACH)
    made.pixel_table(tmp_path / "csv" / "fer2013.csv", pictures, labels, usages)
    made.pixel_table(tmp_path / "icml" / "icml_face_data.csv", pictures, labels, usages, "emotion, Usage, pixels")
    made.fer2013_folders(tmp_path / "folders", pictures, labels, usages)
    for name, stored in (("numbers", np.array(usages)), ("words", np.array([made.USAGES[u] for u in usages]))):
        (tmp_path / name).mkdir()
        np.savez(tmp_path / name / "fer2013.npz", pictures=pictures, labels=labels, usage=stored)
    first = Fer2013(tmp_path / "csv", part=True)
    sizes = [len(faces) for faces in parts_of(first)]
    # Training's first face is in PrivateTest too.
    assert sizes == [OF_EACH - 1, OF_EACH, OF_EACH, OF_EACH, OF_EACH - 1]
    np.testing.assert_array_equal(first.training(as_published=True).pictures, pictures[:OF_EACH])
    np.testing.assert_array_equal(first.training(as_published=True).labels, labels[:OF_EACH])
    assert not first.test().counts.any()
    assert (first.test().majority() == -1).all()
    for form in ("icml", "folders", "numbers", "words"):
        same(first, Fer2013(tmp_path / form, part=True))
    faces = read(tmp_path / "csv", part=True)
    assert [(f.own, f.split) for f in faces[::OF_EACH]] == [("angry", s) for s in ("training", "validation", "test")]
    np.testing.assert_array_equal(faces[3].gray(), pictures[3])


def test_ferplus_is_joined_row_by_row(tmp_path: Path) -> None:
    pictures, labels, usages = made.fer2013_faces(OF_EACH)
    made.pixel_table(tmp_path / "csv" / "fer2013.csv", pictures, labels, usages)
    votes = [VOTES[i % 3] for i in range(len(labels))]
    made.ferplus_table(tmp_path / "csv" / "fer2013new.csv", votes, usages)
    corpus = Fer2013(tmp_path / "csv", part=True)
    np.testing.assert_array_equal(corpus.test().counts, votes[2 * OF_EACH :])
    assert corpus.validation().majority()[:3].tolist() == [-1, 1, 3]
    assert [EMOTIONS[i].value for i in corpus.validation().majority_of_seven()[1:3]] == ["happy", "sad"]
    assert corpus.validation().majority_of_seven()[0] == -1
    # Every third row is voted not-a-face, and the first is a copy.
    assert len(corpus.training()) == sum(i % 3 != 2 for i in range(1, OF_EACH))
    np.savez(tmp_path / "fer2013.npz", pictures=pictures.reshape(-1, 2304), labels=labels, usage=usages, counts=votes)
    same(corpus, Fer2013(tmp_path, part=True))


def test_ferplus_of_another_copy_is_refused(tmp_path: Path) -> None:
    pictures, labels, usages = made.fer2013_faces(OF_EACH)
    made.pixel_table(tmp_path / "fer2013.csv", pictures, labels, usages)
    path = made.ferplus_table(tmp_path / "fer2013new.csv", [VOTES[0]] * 42, usages[::-1])
    with pytest.raises(MediaError, match=r"fer2013new\.csv, line 2: PrivateTest, fer2013\.csv has Training"):
        Fer2013(tmp_path, part=True)
    made.ferplus_table(path, [VOTES[0]] * 41, usages[:41])
    with pytest.raises(MediaError, match=r"fer2013new\.csv: 41 rows, fer2013\.csv has 42"):
        Fer2013(tmp_path, part=True)


def test_without_a_publictest_an_eighth_of_train_is_held_out_with_its_copies(tmp_path: Path) -> None:
    count = 240
    pictures = np.array([made.noise(i // 2) for i in range(count)])
    labels = [i % 7 for i in range(count)]
    made.fer2013_folders(tmp_path, pictures, labels, [0] * 200 + [2] * 40, ("train", "", "test"))
    corpus = Fer2013(tmp_path, part=True)
    assert len(corpus.test()) == 40
    assert 10 <= len(corpus.validation()) <= 45
    assert len(corpus.validation()) + len(corpus.training(as_published=True)) == 200
    remaining = {picture.tobytes() for picture in corpus.validation().pictures}
    assert not remaining & {picture.tobytes() for picture in corpus.training(as_published=True).pictures}
    same(corpus, Fer2013(tmp_path, part=True))


def test_a_flat_picture_does_not_count_as_a_face(tmp_path: Path) -> None:
    pictures, labels, usages = made.fer2013_faces(OF_EACH)
    pictures[5] = 0
    made.pixel_table(tmp_path / "fer2013.csv", pictures, labels, usages)
    assert len(Fer2013(tmp_path, part=True).training()) == OF_EACH - 2


def test_a_missing_or_damaged_copy_is_reported(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=r"FER2013: .*faces.png is missing, and neither fer2013.csv, .* is there"):
        Fer2013(tmp_path)
    pictures, labels, usages = made.fer2013_faces(OF_EACH)
    table = made.pixel_table(tmp_path / "fer2013.csv", pictures, labels, usages)
    with pytest.raises(MediaError, match=r"FER2013: 42 of 35887 faces in .*; copy it again, or allow a part of it"):
        Fer2013(tmp_path)
    text = table.read_text()
    table.write_text(text[: int(len(text) * 0.6)])
    with pytest.raises(MediaError, match=r"fer2013\.csv, line 27: .*copy the file again"):
        Fer2013(tmp_path, part=True)
    table.write_text(text.replace("\n3,", "\n7,", 1))
    with pytest.raises(MediaError, match=r"fer2013\.csv, line 5: "):
        Fer2013(tmp_path, part=True)
    table.write_text("a,b\n1,2\n")
    with pytest.raises(MediaError, match="no column emotion or pixels or usage"):
        Fer2013(tmp_path, part=True)


def test_a_damaged_npz_or_folder_is_reported(tmp_path: Path) -> None:
    np.savez(tmp_path / "fer2013.npz", pictures=np.zeros((2, 48, 48), np.uint8), labels=[0, 1])
    with pytest.raises(MediaError, match=r"fer2013\.npz: lacks usage"):
        Fer2013(tmp_path, part=True)
    np.savez(tmp_path / "fer2013.npz", pictures=np.zeros((2, 48, 48), np.uint8), labels=[0, 7], usage=[0, 1])
    with pytest.raises(MediaError, match=r"fer2013\.npz: pictures must be"):
        Fer2013(tmp_path, part=True)
    content = (tmp_path / "fer2013.npz").read_bytes()
    (tmp_path / "fer2013.npz").write_bytes(content[: len(content) // 2])
    with pytest.raises(MediaError, match=r"fer2013\.npz: cannot be read as npz"):
        Fer2013(tmp_path, part=True)
    large = made.picture(tmp_path / "folders" / "train" / "happy" / "a.png", made.noise(0, 64))
    with pytest.raises(MediaError, match=r"a\.png: 64×64; FER2013's faces are 48×48"):
        Fer2013(tmp_path / "folders", part=True)
    large.rename(tmp_path / "folders" / "a.png")
    (tmp_path / "folders" / "train" / "happy").rmdir()
    made.picture(tmp_path / "folders" / "happy" / "a.png", made.noise(0))
    (tmp_path / "folders" / "a.png").unlink()
    with pytest.raises(MediaError, match=r"a\.png: not below train or test"):
        Fer2013(tmp_path / "folders", part=True)


def test_a_pixel_table_in_another_encoding_or_with_an_open_quote_is_reported(tmp_path: Path) -> None:
    pictures, labels, usages = made.fer2013_faces(OF_EACH)
    table = made.pixel_table(tmp_path / "fer2013.csv", pictures, labels, usages)
    text = table.read_text()
    table.write_text(text, encoding="utf-16")
    with pytest.raises(MediaError, match=r"fer2013\.csv, line 1: cannot be read as a table .*copy the file again"):
        Fer2013(tmp_path, part=True)
    table.write_bytes(text.replace("PrivateTest", "Pr\xfcfung").encode("latin-1"))
    with pytest.raises(MediaError, match=r"fer2013\.csv, line \d+: cannot be read as a table .*copy the file again"):
        Fer2013(tmp_path, part=True)
    for line in (3, 40):  # the field grows too long, or the table ends in it
        lines = text.splitlines()
        lines[line] = lines[line].replace(",", ',"', 1)
        table.write_text("\n".join(lines))
        with pytest.raises(MediaError, match=r"fer2013\.csv, line \d+: cannot be read as a table"):
            Fer2013(tmp_path, part=True)
    votes = made.ferplus_table(tmp_path / "fer2013new.csv", [VOTES[0]] * 42, usages)
    table.write_text(text)
    for damaged in (votes.read_text().replace("contempt", "spite"), votes.read_text()[:-5]):
        votes.write_text(damaged)
        with pytest.raises(MediaError, match=r"fer2013new\.csv.*(no column contempt|line 43: the row is cut off)"):
            Fer2013(tmp_path, part=True)
        made.ferplus_table(votes, [VOTES[0]] * 42, usages)


@pytest.mark.parametrize("value", ["65543", "-65529", "4294967303", "18446744073709551623", "256"])
def test_a_pixel_out_of_range_does_not_wrap_around(value: str, tmp_path: Path) -> None:
    pictures, labels, usages = made.fer2013_faces(OF_EACH)
    table = made.pixel_table(tmp_path / "fer2013.csv", pictures, labels, usages)
    lines = table.read_text().splitlines()
    emotion, pixels, usage = lines[4].split(",")
    lines[4] = f"{emotion},{value} {pixels.split(' ', 1)[1]},{usage}"
    table.write_text("\n".join(lines))
    with pytest.raises(MediaError, match=r"fer2013\.csv, line 5: 2304 of 2304 pixels, each 0 to 255"):
        Fer2013(tmp_path, part=True)


@pytest.mark.parametrize(
    "wrong",
    [
        {"labels": np.array(["angry", "happy"])},
        {"labels": np.array(3)},
        {"labels": np.array([0.0, 1.5])},
        {"labels": np.array([[0], [1]])},
        {"usage": np.array("Training")},
        {"usage": np.array([[0, 1]])},
        {"counts": np.zeros((2, 8))},
        {"counts": np.zeros(20)},
        {"counts": np.full((2, 10), "ten")},
    ],
)
def test_an_npz_with_other_shapes_or_names_is_reported(wrong: dict[str, Any], tmp_path: Path) -> None:
    arrays: dict[str, Any] = {
        "pictures": np.zeros((2, 48, 48), np.uint8),
        "labels": np.array([0, 1]),
        "usage": np.array([0, 1]),
    }
    np.savez(tmp_path / "fer2013.npz", **arrays)
    assert len(Fer2013(tmp_path, part=True).validation()) == 1
    np.savez(tmp_path / "fer2013.npz", **(arrays | wrong))
    with pytest.raises(MediaError, match=r"fer2013\.npz: pictures must be .* counts \(n, 10\) numbers"):
        Fer2013(tmp_path, part=True)


@pytest.mark.parametrize("name", ["fer2013_label", "usage", "ferplus_votes", "dup_group"])
def test_labels_without_an_array_or_some_rows_are_reported(name: str, corpora: Path, tmp_path: Path) -> None:
    (tmp_path / "faces.png").symlink_to(corpora / "fer2013" / "faces.png")
    with np.load(corpora / "fer2013" / "labels.npz") as stored:
        arrays: dict[str, Any] = dict(stored)
    np.savez(tmp_path / "labels.npz", **{key: value for key, value in arrays.items() if key != name})
    with pytest.raises(MediaError, match=rf"labels\.npz: lacks {name}; fer2013_label, usage, ferplus_votes, dup_g"):
        Fer2013(tmp_path)
    np.savez(tmp_path / "labels.npz", **(arrays | {name: arrays[name][:-1]}))
    with pytest.raises(MediaError, match="is not the complete set of 35887 faces; copy it again"):
        Fer2013(tmp_path)
