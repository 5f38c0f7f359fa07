"""`mien gallery`'s reading: real networks on drawn people, one real face, and FER2013's where it is here."""

import json
import os
import time
from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest

from device.commands import gallery as command
from device.emotions import EMOTIONS, Emotion
from device.errors import MediaError
from device.gallery_index import MOST_BYTES, Index, Shelf, read_index
from device.sense.faces import whole_picture
from device.sense.gallery import SIDE_PX, Outcome, Step, clear, index_folder, largest_face, thumbnail_of
from device.sense.gallery_folder import GalleryFolder
from device.sense.readers import Readers, readers_of
from device.sense.stand_in.roles import POSES
from device.settings import Settings, parse
from tests.sense.made import Pixels, astronaut, drawn, group, jpeg, picture, turned

DATA = Path(__file__).parents[3] / "shared" / "data"


@pytest.fixture(scope="module")
def readers() -> Readers:
    return readers_of(Settings())


@pytest.fixture
def home(tmp_path: Path) -> Settings:
    return parse(f'[home]\nstate_dir = "{tmp_path}/state"\nruntime_dir = "{tmp_path}/run"', "test")


def person(emotion: Emotion, x: float = 320) -> Pixels:
    return drawn(((x, 240.0), 200.0, POSES[emotion]))


@pytest.fixture
def album(tmp_path: Path) -> Path:
    folder = tmp_path / "album"
    (folder / "more").mkdir(parents=True)
    picture(folder / "happy.png", person(Emotion.HAPPY))
    picture(folder / "more" / "surprise.JPG", person(Emotion.SURPRISE))
    picture(folder / "wall.png", drawn())
    (folder / "broken.jpg").write_bytes(jpeg(person(Emotion.SAD))[:-4000])
    (folder / "notes.txt").write_text("no picture")
    (folder / ".hidden.png").write_bytes(b"no picture either")
    return folder


def indexed(folder: Path, readers: Readers, home: Settings, *, crop: bool = False) -> tuple[Index, dict[str, Outcome]]:
    steps: list[Step] = []
    index = index_folder(folder, readers, home, steps.append, crop=crop)
    assert [step.done for step in steps] == list(range(1, len(steps) + 1))
    assert {step.of for step in steps} <= {len(steps)}
    kept = read_index(home.state_dir / "gallery" / "index.json", Index)
    assert kept == index
    return index, {step.source: step.outcome for step in steps}


def thumbnails(home: Settings) -> set[str]:
    return {path.name for path in (home.state_dir / "gallery").glob("*.jpg")}


def test_each_usable_picture_is_kept_with_what_is_read_in_it(album: Path, readers: Readers, home: Settings) -> None:
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
    shelf = read_index(home.state_dir / "gallery" / "index.json", Shelf)
    assert shelf is not None
    assert [p.name for p in shelf.pictures] == [p.name for p in index.pictures]


def test_what_is_kept_is_for_its_owner_alone(album: Path, readers: Readers, home: Settings) -> None:
    before = {path: path.read_bytes() for path in album.rglob("*") if path.is_file()}
    indexed(album, readers, home)
    folder = home.state_dir / "gallery"
    assert (home.state_dir.stat().st_mode & 0o777, folder.stat().st_mode & 0o777) == (0o700, 0o700)
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    assert {path: path.read_bytes() for path in album.rglob("*") if path.is_file()} == before


def test_thumbnails_are_square_and_carry_nothing_over(tmp_path: Path, readers: Readers, home: Settings) -> None:
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


def test_of_several_faces_the_largest_is_taken(readers: Readers) -> None:
    face = largest_face(readers.detector, group())
    assert face is not None
    assert face.box[0] + face.box[2] / 2 < 260
    assert face.box[1] < 200, "the head of 200 px at the upper left"


def test_a_face_from_border_to_border_is_found(readers: Readers) -> None:
    close = np.ascontiguousarray(astronaut()[70:200, 160:290])
    for side in (48, 130, 1200):
        pixels = np.asarray(cv2.resize(close, (side, side)), np.uint8)
        face = largest_face(readers.detector, pixels)
        assert face is not None
        assert face.box[2] == pytest.approx(0.75 * side, rel=0.4)
        assert len(thumbnail_of(pixels, face)) > 1000


@pytest.mark.parametrize("shape", [(40, 200), (200, 40), (1, 1), (256, 256), (3000, 2000)])
def test_a_thumbnail_never_reaches_over_the_border(shape: tuple[int, int]) -> None:
    pixels = np.full((*shape, 3), 128, np.uint8)
    for x, y in ((-20.0, -20.0), (shape[1] - 5.0, shape[0] - 5.0)):
        face = whole_picture(pixels[..., 0])
        moved = type(face)((x, y, 60.0, 60.0), 1.0, face.key_points)
        made = cv2.imdecode(np.frombuffer(thumbnail_of(pixels, moved), np.uint8), cv2.IMREAD_COLOR)
        assert made is not None
        assert made.shape == (SIDE_PX, SIDE_PX, 3)


def test_run_again_reads_what_is_new_and_forgets_what_is_gone(album: Path, readers: Readers, home: Settings) -> None:
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


def test_what_was_lost_or_damaged_is_read_again(album: Path, readers: Readers, home: Settings) -> None:
    index, _ = indexed(album, readers, home)
    folder = home.state_dir / "gallery"
    (folder / f"{index.pictures[0].name}.jpg").write_bytes(b"")
    again, outcomes = indexed(album, readers, home)
    assert outcomes[index.pictures[0].source] is Outcome.READ
    assert outcomes[index.pictures[1].source] is Outcome.UNCHANGED
    assert set(again.pictures) == set(index.pictures)
    (folder / "index.json").write_bytes(b"{")
    assert set(indexed(album, readers, home)[1].values()) == {Outcome.READ, Outcome.NO_FACE, Outcome.BROKEN}


def test_another_way_of_reading_reads_all_again(album: Path, readers: Readers, home: Settings) -> None:
    indexed(album, readers, home)
    index, outcomes = indexed(album, readers, home, crop=True)
    assert sorted(outcomes.values()) == [Outcome.BROKEN, *[Outcome.READ] * 3]
    assert {p.source for p in index.pictures} == {"happy.png", "wall.png", "more/surprise.JPG"}


def test_the_folder_need_not_be_there_afterwards(album: Path, readers: Readers, home: Settings) -> None:
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
    album: Path, readers: Readers, home: Settings, tmp_path: Path
) -> None:
    index, _ = indexed(album, readers, home)
    walls = tmp_path / "walls"
    walls.mkdir()
    picture(walls / "a.png", drawn())
    with pytest.raises(MediaError, match="no picture with a face"):
        index_folder(walls, readers, home, lambda _: None)
    assert read_index(home.state_dir / "gallery" / "index.json", Index) == index
    assert len(thumbnails(home)) == 2


def test_an_interrupted_run_keeps_what_it_has_done(album: Path, readers: Readers, home: Settings) -> None:
    def interrupt(step: Step) -> None:
        if step.outcome is Outcome.READ:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        index_folder(album, readers, home, interrupt)
    kept = read_index(home.state_dir / "gallery" / "index.json", Index)
    assert kept is not None
    assert [p.source for p in kept.pictures] == ["happy.png"]
    assert indexed(album, readers, home)[1]["happy.png"] is Outcome.UNCHANGED


def test_the_gallery_is_never_indexed_into_itself(album: Path, readers: Readers, home: Settings) -> None:
    indexed(album, readers, home)
    index, outcomes = indexed(album.parent, readers, home)
    assert set(outcomes) == {f"album/{p}" for p in ("broken.jpg", "happy.png", "wall.png", "more/surprise.JPG")}
    assert len(index.pictures) == 2


def test_odd_names_are_told_as_far_as_they_can_be(album: Path, readers: Readers, home: Settings) -> None:
    source = picture(album / "x.png", person(Emotion.HAPPY))
    source.rename(Path(os.fsdecode(os.fsencode(album) + b"/od\xff\nd.png")))
    index, outcomes = indexed(album, readers, home)
    assert outcomes["od\ufffd\nd.png"] is Outcome.READ
    assert len({p.name for p in index.pictures}) == 2, "the same picture twice is one thumbnail"
    assert indexed(album, readers, home)[1]["od\ufffd\nd.png"] is Outcome.UNCHANGED


def test_two_at_once_are_one_too_many(album: Path, readers: Readers, home: Settings) -> None:
    with GalleryFolder(home.state_dir), pytest.raises(MediaError, match="another mien gallery"):
        index_folder(album, readers, home, lambda _: None)
    indexed(album, readers, home)


def test_nothing_is_written_through_a_link(album: Path, readers: Readers, home: Settings, tmp_path: Path) -> None:
    index, _ = indexed(album, readers, home)
    mine = tmp_path / "mine"
    mine.write_text("mine")
    folder = home.state_dir / "gallery"
    name = index.pictures[0].name
    (folder / f"{name}.jpg").unlink()
    (folder / f"{name}.partial").symlink_to(mine)
    (folder / "index.partial").symlink_to(mine)
    indexed(album, readers, home)
    assert mine.read_text() == "mine"
    assert not (folder / f"{name}.jpg").is_symlink()
    elsewhere = tmp_path / "elsewhere"
    folder.rename(elsewhere)
    folder.symlink_to(elsewhere)
    with pytest.raises(MediaError, match="cannot be kept there"):
        index_folder(album, readers, home, lambda _: None)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root writes for others")
def test_what_root_indexes_for_a_service_is_the_service_s(album: Path, readers: Readers, home: Settings) -> None:
    home.state_dir.mkdir(mode=0o700)
    os.chown(home.state_dir, 4321, 4322)
    indexed(album, readers, home)
    made = [home.state_dir / "gallery", *(home.state_dir / "gallery").iterdir()]
    assert len(made) == 4
    assert {(path.stat().st_uid, path.stat().st_gid) for path in made} == {(4321, 4322)}


def test_clear_takes_all_and_nothing_else(album: Path, readers: Readers, home: Settings) -> None:
    assert clear(home) == 0
    indexed(album, readers, home)
    folder = home.state_dir / "gallery"
    (folder / "mine.jpg").write_text("mine")
    assert clear(home) == 2
    assert [path.name for path in folder.iterdir()] == ["mine.jpg"]
    assert clear(home) == 0


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b'{"version": 2, "pictures": []}', b"[" * 100_000]
    + [
        json.dumps({"version": 1, "pictures": [{"name": name, "emotion": emotion, "confidence": share}]}).encode()
        for name, emotion, share in (
            ("../../etc/passwd", "sad", 0.5),
            ("0" * 32 + "\n", "sad", 0.5),
            ("0" * 32, "unknown", 0.5),
            ("0" * 32, "glad", 0.5),
            ("0" * 32, "sad", 1.5),
        )
    ],
)
def test_a_damaged_index_is_an_error_that_says_what_to_do(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "index.json"
    assert read_index(path, Shelf) is None
    path.write_bytes(content)
    with pytest.raises(MediaError, match="index the folder again with: mien gallery FOLDER"):
        read_index(path, Shelf)


def test_what_is_no_index_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "index.json"
    os.mkfifo(path)
    with pytest.raises(MediaError, match="remove it"):
        read_index(path, Shelf)
    path.unlink()
    with path.open("wb") as file:
        file.truncate(MOST_BYTES + 1)
    with pytest.raises(MediaError, match="remove it"):
        read_index(path, Shelf)


def test_ten_thousand_known_pictures_take_no_time(tmp_path: Path, readers: Readers, home: Settings) -> None:
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


# -- the command


def mien(home: Settings, *words: str) -> int:
    from device.cli import _parser

    settings = home.state_dir.parent / "mien.toml"
    settings.write_text(f'[home]\nstate_dir = "{home.state_dir}"')
    return command.run(_parser().parse_args(["--settings", str(settings), "gallery", *words]))


def test_the_command_tells_what_there_is(album: Path, home: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    assert mien(home) == 0
    assert "the drawn faces answer" in capsys.readouterr().out
    assert mien(home, str(album)) == 0
    said = capsys.readouterr().out
    for words in ("broken.jpg: the picture breaks off", "wall.png: no face found", "2 read, 0 unchanged", "Under five"):
        assert words in said
    assert mien(home, str(album), "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["unchanged"], document["no_face"], document["broken"], document["pictures"]) == (2, 1, 1, 2)
    assert [one["path"] for one in document["errors"]] == ["broken.jpg"]
    assert mien(home, "--json") == 0
    assert json.loads(capsys.readouterr().out) == {
        "folder": str(album),
        "pictures": 2,
        "emotions": {e.value: int(e in (Emotion.HAPPY, Emotion.SURPRISE)) for e in EMOTIONS},
        "under_five": [e.value for e in EMOTIONS],
    }
    assert mien(home, "--clear") == 0
    assert "2 pictures removed" in capsys.readouterr().out


@pytest.mark.data
@pytest.mark.skipif(not DATA.exists(), reason="../shared/data is not here: FER2013 is needed")
def test_faces_of_fer2013_are_indexed_under_what_they_show(tmp_path: Path, readers: Readers, home: Settings) -> None:
    from convert.corpora.fer2013 import Fer2013

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
