"""The folder of the gallery: its owner's alone, one writer, no links followed, and emptied."""

import os
from pathlib import Path

import pytest

from device.errors import MediaError
from device.perception.load import Perception
from device.perception.offline.gallery import clear, index_folder
from device.perception.offline.gallery_storage import GalleryFolder
from device.settings.schema import Settings
from tests.perception.offline.builders import indexed


def test_the_gallery_is_readable_by_its_owner_only(album: Path, readers: Perception, home: Settings) -> None:
    before = {path: path.read_bytes() for path in album.rglob("*") if path.is_file()}
    indexed(album, readers, home)
    folder = home.state_dir / "gallery"
    assert (home.state_dir.stat().st_mode & 0o777, folder.stat().st_mode & 0o777) == (0o700, 0o700)
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    assert {path: path.read_bytes() for path in album.rglob("*") if path.is_file()} == before


def test_the_gallery_is_never_indexed_into_itself(album: Path, readers: Perception, home: Settings) -> None:
    indexed(album, readers, home)
    index, outcomes = indexed(album.parent, readers, home)
    assert set(outcomes) == {f"album/{p}" for p in ("broken.jpg", "happy.png", "wall.png", "more/surprise.JPG")}
    assert len(index.pictures) == 2


def test_only_one_gallery_command_writes_at_a_time(album: Path, readers: Perception, home: Settings) -> None:
    with GalleryFolder(home.state_dir), pytest.raises(MediaError, match="another mien gallery"):
        index_folder(album, readers, home, lambda _: None)
    indexed(album, readers, home)


def test_nothing_is_written_through_a_link(album: Path, readers: Perception, home: Settings, tmp_path: Path) -> None:
    index, _ = indexed(album, readers, home)
    mine = tmp_path / "mine"
    mine.write_text("mine")
    folder = home.state_dir / "gallery"
    name = index.pictures[0].name
    (folder / f"{name}.jpg").unlink()
    (folder / f".{name}.jpg.partial").symlink_to(mine)
    (folder / ".index.json.partial").symlink_to(mine)
    indexed(album, readers, home)
    assert mine.read_text() == "mine"
    assert not (folder / f"{name}.jpg").is_symlink()
    elsewhere = tmp_path / "elsewhere"
    folder.rename(elsewhere)
    folder.symlink_to(elsewhere)
    with pytest.raises(MediaError, match="cannot be written to"):
        index_folder(album, readers, home, lambda _: None)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root writes for others")
def test_what_root_indexes_for_a_service_is_the_service_s(album: Path, readers: Perception, home: Settings) -> None:
    home.state_dir.mkdir(mode=0o700)
    os.chown(home.state_dir, 4321, 4322)
    indexed(album, readers, home)
    made = [home.state_dir / "gallery", *(home.state_dir / "gallery").iterdir()]
    assert len(made) == 4
    assert {(path.stat().st_uid, path.stat().st_gid) for path in made} == {(4321, 4322)}


def test_clear_deletes_the_gallery_and_nothing_else(album: Path, readers: Perception, home: Settings) -> None:
    assert clear(home) == 0
    indexed(album, readers, home)
    folder = home.state_dir / "gallery"
    (folder / "mine.jpg").write_text("mine")
    assert clear(home) == 2
    assert [path.name for path in folder.iterdir()] == ["mine.jpg"]
    assert clear(home) == 0
