"""`mien gallery` run again: what is known is not read again, and what is gone is forgotten."""

import time
from collections.abc import Callable
from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest

from device.emotions import Emotion
from device.errors import MediaError
from device.ipc.gallery_index import Index, read_index
from device.perception.face.detector import FaceDetector
from device.perception.load import Perception
from device.perception.offline import gallery
from device.perception.offline.gallery import Outcome, Step, index_folder, largest_face
from device.perception.offline.gallery_storage import GalleryFolder
from device.readings import Face
from device.settings.schema import Settings
from tests.builders import Pixels, drawn, picture
from tests.perception.offline.builders import indexed, person, thumbnails


def test_a_second_run_reads_new_pictures_and_drops_deleted_ones(
    album: Path, readers: Perception, home: Settings
) -> None:
    before, _ = indexed(album, readers, home)
    (album / "happy.png").unlink()
    picture(album / "sad.png", person(Emotion.SAD))
    after, outcomes = indexed(album, readers, home)
    assert outcomes["more/surprise.JPG"] is Outcome.UNCHANGED
    assert outcomes["wall.png"] is Outcome.NO_FACE
    assert outcomes["sad.png"] is Outcome.READ
    assert {p.source for p in after.pictures} == {"sad.png", "more/surprise.JPG"}
    gone = next(p.name for p in before.pictures if p.source == "happy.png")
    assert f"{gone}.jpg" not in thumbnails(home)
    picture(album / "sad.png", person(Emotion.HAPPY))
    changed, outcomes = indexed(album, readers, home)
    assert outcomes["sad.png"] is Outcome.READ
    assert {p.source: p.emotion for p in changed.pictures}["sad.png"] == "happy"


def test_lost_or_damaged_thumbnails_are_made_again(album: Path, readers: Perception, home: Settings) -> None:
    index, _ = indexed(album, readers, home)
    folder = home.state_dir / "gallery"
    (folder / f"{index.pictures[0].name}.jpg").write_bytes(b"")
    again, outcomes = indexed(album, readers, home)
    assert outcomes[index.pictures[0].source] is Outcome.READ
    assert outcomes[index.pictures[1].source] is Outcome.UNCHANGED
    assert set(again.pictures) == set(index.pictures)
    (folder / "index.json").write_bytes(b"{")
    assert set(indexed(album, readers, home)[1].values()) == {Outcome.READ, Outcome.NO_FACE, Outcome.BROKEN}


def test_another_reader_reads_every_picture_again(album: Path, readers: Perception, home: Settings) -> None:
    indexed(album, readers, home)
    index, outcomes = indexed(album, readers, home, crop=True)
    assert sorted(outcomes.values()) == [Outcome.BROKEN, *[Outcome.READ] * 3]
    assert {p.source for p in index.pictures} == {"happy.png", "wall.png", "more/surprise.JPG"}


def test_the_gallery_does_not_need_the_indexed_folder_afterwards(
    album: Path, readers: Perception, home: Settings
) -> None:
    index, _ = indexed(album, readers, home)
    for path in sorted(album.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    with pytest.raises(MediaError, match="no pictures in it"):
        indexed(album, readers, home)
    album.rmdir()
    with pytest.raises(MediaError, match="no such folder"):
        indexed(album, readers, home)
    assert len(thumbnails(home)) == len(index.pictures) == 2


def test_a_folder_of_nobody_leaves_the_gallery_as_it_was(
    album: Path, readers: Perception, home: Settings, tmp_path: Path
) -> None:
    index, _ = indexed(album, readers, home)
    walls = tmp_path / "walls"
    walls.mkdir()
    picture(walls / "a.png", drawn())
    with pytest.raises(MediaError, match="no picture with a face"):
        index_folder(walls, readers, home, lambda _: None)
    assert read_index(home.state_dir / "gallery" / "index.json", Index) == index
    assert len(thumbnails(home)) == 2


def test_an_interrupted_run_keeps_what_it_has_done(album: Path, readers: Perception, home: Settings) -> None:
    def interrupt(step: Step) -> None:
        if step.outcome is Outcome.READ:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        index_folder(album, readers, home, interrupt)
    kept = read_index(home.state_dir / "gallery" / "index.json", Index)
    assert kept is not None
    assert [p.source for p in kept.pictures] == ["happy.png"]
    assert indexed(album, readers, home)[1]["happy.png"] is Outcome.UNCHANGED


def test_ten_thousand_unchanged_pictures_take_little_time(tmp_path: Path, readers: Perception, home: Settings) -> None:
    album = tmp_path / "album"
    album.mkdir()
    first = picture(album / "0.png", person(Emotion.HAPPY))
    index, _ = indexed(album, readers, home)
    entries = []
    for number in range(1, 10_000):
        link = album / f"{number}.png"
        link.hardlink_to(first)
        entries.append(msgspec.structs.replace(index.pictures[0], source=link.name))
    with GalleryFolder(home.state_dir) as kept:
        kept.save(Index(1, index.folder, index.read_by, (*index.pictures, *entries), ()))
    began = time.monotonic()
    again, outcomes = indexed(album, readers, home)
    assert set(outcomes.values()) == {Outcome.UNCHANGED}
    assert len(again.pictures) == 10_000
    assert time.monotonic() - began < 20


def test_lines_and_panoramas_do_not_end_the_run(album: Path, readers: Perception, home: Settings) -> None:
    picture(album / "line.png", np.full((1, 2000, 3), 90, np.uint8))
    picture(album / "panorama.png", np.full((60, 33_000, 3), 90, np.uint8))
    index, outcomes = indexed(album, readers, home)
    assert outcomes["line.png"] is outcomes["panorama.png"] is Outcome.NO_FACE
    assert len(index.pictures) == 2
    assert indexed(album, readers, home, crop=True)[1]["panorama.png"] is Outcome.READ


@pytest.mark.parametrize(
    "refusal", [lambda: cv2.resize(np.zeros((0, 0), np.uint8), (1, 1)), lambda: bytearray(1 << 60)]
)
def test_what_a_library_refuses_is_that_files_error(
    album: Path, readers: Perception, home: Settings, monkeypatch: pytest.MonkeyPatch, refusal: Callable[[], object]
) -> None:
    def refuse_small(detector: FaceDetector, pixels: Pixels) -> Face | None:
        return largest_face(detector, pixels) if pixels.shape[0] > 100 else refusal()  # type: ignore[return-value]

    monkeypatch.setattr(gallery, "largest_face", refuse_small)
    picture(album / "an odd one.png", np.full((50, 50, 3), 90, np.uint8))
    steps: list[Step] = []
    index = index_folder(album, readers, home, steps.append)
    (odd,) = (step for step in steps if step.source == "an odd one.png")
    assert odd.outcome is Outcome.BROKEN
    assert "an odd one.png: " in odd.error
    assert len(index.pictures) == 2
