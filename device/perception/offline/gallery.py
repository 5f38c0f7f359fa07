"""`mien gallery FOLDER`: reads each picture's largest face as the live loop does, and makes its thumbnail."""

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from device.emotions import top
from device.errors import MediaError
from device.ipc.gallery_index import Index, NoFace, Picture, gallery_folder, index_path, read_index
from device.perception.face.align import cut_out, face_of_whole_picture
from device.perception.face.detector import FaceDetector
from device.perception.face.still import find_in_air
from device.perception.face.tiles import find_everywhere
from device.perception.load import Perception
from device.perception.media.decode import as_media_error
from device.perception.media.picture import read_picture
from device.perception.offline.gallery_storage import GalleryFolder
from device.readings import Face
from device.settings.schema import Settings

_log = logging.getLogger(__name__)

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff", ".gif", ".avif", ".jp2"})
SIDE_PX = 256
_AIR = 1.7
"""The thumbnail's side, in sides of the detector's box, which reaches from the brows to the chin."""
_QUALITY = 88
_SAVE_EVERY = 500
"""How many files to read between two saves of the index. A power cut loses at most this many."""

Pixels = npt.NDArray[np.uint8]


class Outcome(StrEnum):
    """The result for one file."""

    READ = "read"
    UNCHANGED = "unchanged"
    NO_FACE = "no face"
    BROKEN = "broken"


@dataclass(frozen=True)
class Step:
    """The progress after one file."""

    source: str
    """The file's path below the folder."""
    outcome: Outcome
    done: int
    of: int
    error: str = ""
    """Why the file is broken."""


def index_folder(
    folder: Path, perception: Perception, settings: Settings, report: Callable[[Step], None], *, crop: bool = False
) -> Index:
    """Update the gallery to the pictures in `folder`, and `report` each file. `crop`: they are cropped to a face.

    Only one picture is in memory at a time. An interrupted run keeps its work. Raises MediaError when the folder cannot
    be read or has no picture with a face (the gallery then stays as it was), or when the disk fails.
    """
    home = gallery_folder(settings.state_dir)
    files = _find_pictures(folder, home)
    if not files:
        raise MediaError(f"{folder}: no pictures in it; looked for {', '.join(sorted(SUFFIXES))}")
    name = os.fsencode(folder.resolve()).decode(errors="replace")
    begun = Index(1, name, _describe_reader(perception, settings, crop), (), ())
    with GalleryFolder(settings.state_dir) as gallery:
        previous = _read_previous(settings.state_dir, begun)
        entries: dict[str, Picture | NoFace] = {}

        def save(entries: dict[str, Picture | NoFace]) -> Index | None:
            pictures = tuple(entry for entry in entries.values() if isinstance(entry, Picture))
            passed = tuple(entry for entry in entries.values() if isinstance(entry, NoFace))
            index = Index(1, begun.folder, begun.read_by, pictures, passed)
            if pictures:
                gallery.save(index)
            return index if pictures else None

        try:
            for done, path in enumerate(files, 1):
                source = os.fsencode(path.relative_to(folder)).decode(errors="replace")
                entry, outcome, error = _index_file(path, source, previous.get(source), gallery, perception, crop)
                if entry is not None:
                    entries[source] = entry
                report(Step(source, outcome, done, len(files), error))
                if done % _SAVE_EVERY == 0:
                    save(previous | entries)
        except BaseException:  # Ctrl+C or any error: the next run need not read these files again
            save(previous | entries)
            raise
        index = save(entries)
        if index is None:
            raise MediaError(f"{folder}: no picture with a face in it; the gallery is as it was")
        gallery.prune(index)
        return index


def clear(settings: Settings) -> int:
    """Delete the gallery, so that hub shows its own faces. Returns the number of pictures. Raises MediaError."""
    if not gallery_folder(settings.state_dir).is_dir():
        return 0
    with GalleryFolder(settings.state_dir) as gallery:
        return gallery.prune(None)


def largest_face(detector: FaceDetector, pixels: Pixels) -> Face | None:
    """The largest face in (h, w, 3) uint8 RGB, with its crop; None without a face.

    A search of the whole finds a large face; with a border added, also one that fills the picture. Only if
    neither finds any are parts searched.
    """
    found = detector.find(pixels) or find_in_air(detector, pixels) or find_everywhere(detector, pixels)
    if not found:
        return None
    face = max(found, key=lambda one: one.box[2] * one.box[3])
    return replace(face, crop=cut_out(pixels, face))


def make_thumbnail(pixels: Pixels, face: Face) -> bytes:
    """A JPEG of SIDE_PX by SIDE_PX around a face in (h, w, 3) uint8 RGB, without metadata."""
    x, y, width, height = face.box
    max_side = min(pixels.shape[:2])
    side = max(min(round(_AIR * max(width, height)), max_side), 1)
    # Shifted up a little: the hair above shows more of a person than the neck below.
    left, top_px = x + width / 2 - side / 2, y + 0.44 * height - side / 2
    left = round(min(max(left, 0), pixels.shape[1] - side))
    top_px = round(min(max(top_px, 0), pixels.shape[0] - side))
    part = pixels[top_px : top_px + side, left : left + side]
    method = cv2.INTER_AREA if side > SIDE_PX else cv2.INTER_CUBIC
    small = cv2.resize(part, (SIDE_PX, SIDE_PX), interpolation=method)
    done, jpeg = cv2.imencode(".jpg", cv2.cvtColor(small, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    if not done:
        raise MediaError("a thumbnail could not be made")
    return jpeg.tobytes()


def _index_file(
    path: Path, source: str, before: Picture | NoFace | None, gallery: GalleryFolder, perception: Perception, crop: bool
) -> tuple[Picture | NoFace | None, Outcome, str]:
    """(a file's entry in the index, what happened to it, why it is broken)."""
    try:
        try:
            stat = path.stat()
        except OSError as error:
            raise MediaError(f"{path}: cannot be read ({error.strerror})") from error
        mark = (stat.st_size, stat.st_mtime_ns)
        if before is not None and (before.size, before.changed_ns) == mark:
            if isinstance(before, NoFace):
                return before, Outcome.NO_FACE, ""
            if gallery.has(before.name):
                return before, Outcome.UNCHANGED, ""
        pixels = read_picture(path)
        with as_media_error(path):
            face = face_of_whole_picture(pixels) if crop else largest_face(perception.detector, pixels)
            thumbnail = make_thumbnail(pixels, face) if face else b""
    except MediaError as error:
        return None, Outcome.BROKEN, str(error)
    if face is None:
        return NoFace(source, *mark), Outcome.NO_FACE, ""
    name = gallery.put(thumbnail)
    probabilities = perception.face.read(face, 0.0).probabilities
    shares = tuple(round(min(max(float(share), 0.0), 1.0), 4) for share in probabilities)
    return Picture(name, top(probabilities), max(shares), shares, source, *mark), Outcome.READ, ""


def _find_pictures(folder: Path, home: Path) -> list[Path]:
    """The pictures in and below `folder`, by name, without hidden ones and without the gallery itself."""
    if not folder.is_dir():
        raise MediaError(f"{folder}: no such folder")
    try:
        os.scandir(folder).close()
    except OSError as error:
        raise MediaError(f"{folder}: cannot be listed ({error.strerror})") from error
    found: list[Path] = []
    for place, inner, names in os.walk(folder, onerror=lambda error: _log.warning("cannot be listed: %s", error)):
        inner[:] = sorted(name for name in inner if not name.startswith("."))
        if home.exists() and Path(place).samefile(home):
            inner.clear()
            continue
        paths = (Path(place, name) for name in sorted(names) if not name.startswith("."))
        found += [path for path in paths if path.suffix.lower() in SUFFIXES and path.is_file()]
    return found


def _describe_reader(perception: Perception, settings: Settings, crop: bool) -> str:
    """Identifies the model and settings that read the pictures. If it changes, all pictures are read again."""
    card = perception.face_model.card
    how = "crop" if crop else f"{settings.camera.range} {settings.camera.min_score:g}"
    return f"{card.name} {card.version} {card.sha256} {how}"


def _read_previous(state_dir: Path, begun: Index) -> dict[str, Picture | NoFace]:
    """The entries of an earlier run with the same folder and reader, by source."""
    try:
        before = read_index(index_path(state_dir), Index)
    except MediaError as error:
        _log.warning("every picture is read again: %s", error)
        return {}
    if before is None or (before.folder, before.read_by) != (begun.folder, begun.read_by):
        return {}
    entries: list[Picture | NoFace] = [*before.pictures, *before.no_faces]
    return {entry.source: entry for entry in entries}
