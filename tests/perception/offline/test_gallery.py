"""`mien gallery`'s reading: real networks on drawn people, one real face, and FER2013's where it is here."""

import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from device.emotions import EMOTIONS, Emotion
from device.ipc.gallery_index import GalleryView, read_index
from device.perception.face.align import face_of_whole_picture
from device.perception.load import Perception
from device.perception.offline.gallery import SIDE_PX, Outcome, largest_face, make_thumbnail
from device.settings.schema import Settings
from tests.builders import astronaut, group, jpeg, picture, turned
from tests.perception.offline.builders import indexed, person, thumbnails

DATA = Path(__file__).parents[4] / "shared" / "data"


def test_each_picture_with_a_face_is_indexed_with_its_reading(album: Path, readers: Perception, home: Settings) -> None:
    index, outcomes = indexed(album, readers, home)
    assert outcomes == {
        "broken.jpg": Outcome.BROKEN,
        "happy.png": Outcome.READ,
        "wall.png": Outcome.NO_FACE,
        "more/surprise.JPG": Outcome.READ,
    }
    assert {p.source: p.emotion for p in index.pictures} == {"happy.png": "happy", "more/surprise.JPG": "surprise"}
    for one in index.pictures:
        assert one.confidence == max(one.probabilities) == one.probabilities[EMOTIONS.index(one.emotion)]
        assert sum(one.probabilities) == pytest.approx(1, abs=2e-3)
    assert thumbnails(home) == {f"{p.name}.jpg" for p in index.pictures}
    shelf = read_index(home.state_dir / "gallery" / "index.json", GalleryView)
    assert shelf is not None
    assert [p.name for p in shelf.pictures] == [p.name for p in index.pictures]


def test_odd_file_names_are_reported_as_well_as_possible(album: Path, readers: Perception, home: Settings) -> None:
    source = picture(album / "x.png", person(Emotion.HAPPY))
    source.rename(Path(os.fsdecode(os.fsencode(album) + b"/od\xff\nd.png")))
    index, outcomes = indexed(album, readers, home)
    assert outcomes["od\ufffd\nd.png"] is Outcome.READ
    assert len({p.name for p in index.pictures}) == 2, "the same picture twice is one thumbnail"
    assert indexed(album, readers, home)[1]["od\ufffd\nd.png"] is Outcome.UNCHANGED


def test_of_several_faces_the_largest_is_taken(readers: Perception) -> None:
    face = largest_face(readers.detector, group())
    assert face is not None
    assert face.box[0] + face.box[2] / 2 < 260
    assert face.box[1] < 200, "the head of 200 px at the upper left"


def test_a_face_from_border_to_border_is_found(readers: Perception) -> None:
    close = np.ascontiguousarray(astronaut()[70:200, 160:290])
    for side in (48, 130, 1200):
        pixels = np.asarray(cv2.resize(close, (side, side)), np.uint8)
        face = largest_face(readers.detector, pixels)
        assert face is not None
        assert face.box[2] == pytest.approx(0.75 * side, rel=0.4)
        assert len(make_thumbnail(pixels, face)) > 1000


def test_thumbnails_are_square_and_carry_nothing_over(tmp_path: Path, readers: Perception, home: Settings) -> None:
    album = tmp_path / "album"
    album.mkdir()
    secret = b"\xff\xfe\x00\x0bsomewhere"
    data = turned(jpeg(np.ascontiguousarray(np.rot90(astronaut()))), 6)
    (album / "a.jpg").write_bytes(data[:2] + secret + data[2:])
    index, _ = indexed(album, readers, home)
    content = (home.state_dir / "gallery" / f"{index.pictures[0].name}.jpg").read_bytes()
    assert b"Exif" not in content
    assert b"somewhere" not in content
    pixels = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    assert pixels is not None
    assert pixels.shape == (SIDE_PX, SIDE_PX, 3)
    seen = largest_face(readers.detector, np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB), np.uint8))
    assert seen is not None, "upright, and whole"
    assert 80 < seen.box[2] < 180


@pytest.mark.parametrize("shape", [(40, 200), (200, 40), (1, 1), (256, 256), (3000, 2000)])
def test_a_thumbnail_never_reaches_over_the_border(shape: tuple[int, int]) -> None:
    pixels = np.full((*shape, 3), 128, np.uint8)
    for x, y in ((-20.0, -20.0), (shape[1] - 5.0, shape[0] - 5.0)):
        face = face_of_whole_picture(pixels[..., 0])
        moved = type(face)((x, y, 60.0, 60.0), 1.0, face.key_points)
        made = cv2.imdecode(np.frombuffer(make_thumbnail(pixels, moved), np.uint8), cv2.IMREAD_COLOR)
        assert made is not None
        assert made.shape == (SIDE_PX, SIDE_PX, 3)


@pytest.mark.data
@pytest.mark.skipif(not DATA.exists(), reason="../shared/data is not here: FER2013 is needed")
def test_faces_of_fer2013_are_indexed_under_what_they_show(tmp_path: Path, readers: Perception, home: Settings) -> None:
    from convert.datasets.pictures.fer2013 import Fer2013

    faces = Fer2013(DATA / "fer2013").test().first(200)
    album = tmp_path / "album"
    album.mkdir()
    for number, pixels in enumerate(faces.pictures):
        picture(album / f"{number:03d}.png", pixels)
    index, outcomes = indexed(album, readers, home)
    assert sum(outcome is Outcome.READ for outcome in outcomes.values()) > 150
    sure = sorted(index.pictures, key=lambda p: -p.confidence)[:50]
    right = [EMOTIONS.index(p.emotion) == faces.labels[int(p.source[:3])] for p in sure]
    assert np.mean(right) > 0.75
