"""Selects the five faces that answer a voice: pictures from an indexed folder, or else the project's own drawings."""

import asyncio
import hashlib
import logging
import os
import random
import stat
import time
from collections.abc import Callable
from pathlib import Path

from device.emotions import EMOTIONS, Emotion
from device.errors import MediaError
from device.hub.gallery import drawn_faces
from device.hub.gallery.trigger import VoiceTrigger
from device.hub.state.snapshot import Json
from device.hub.state.store import StateStore
from device.ipc.gallery_index import GalleryView, IndexedFace, gallery_folder, index_path, read_index, thumbnail_name
from device.system.paths import FileStamp, read_stamp

_log = logging.getLogger(__name__)

FACES_SHOWN = 5
_MAX_ROTATION = 50
"""The most confident pictures of an emotion, which take turns: ten times five. The rest are less and less certain."""
_MAX_THUMBNAIL_BYTES = 1_000_000
_UPDATE_S = 0.25
DRAWN = frozenset(f"{emotion.value}-{person}" for emotion in EMOTIONS for person in range(drawn_faces.VARIANTS))
"""The names of all drawn faces, as in their addresses."""


class GallerySelector:
    """Watches the mood in the state store and puts five faces there. Reads the index again when it has changed.

    With more than five pictures of an emotion, the fifty most confident take turns, so the same five never come twice
    in a row. With exactly five, their order changes each time. Missing ones are drawn, with other people than last
    time.
    """

    def __init__(
        self,
        state_dir: Path,
        store: StateStore,
        trigger: VoiceTrigger,
        clock: Callable[[], float] = time.monotonic,
        rng: random.Random | None = None,
    ) -> None:
        self._folder = gallery_folder(state_dir)
        self._index = index_path(state_dir)
        self._store = store
        self._trigger = trigger
        self._clock = clock
        self._rng = rng or random.Random()  # noqa: S311 - no secret
        self._stamp: FileStamp | None = None
        self._names: frozenset[str] = frozenset()
        self._by_emotion: dict[Emotion, tuple[IndexedFace, ...]] = {}
        self._position: dict[Emotion, int] = {}
        self._last: dict[Emotion, frozenset[str]] = {}
        self._last_drawn: dict[Emotion, frozenset[int]] = {}

    async def run(self) -> None:
        """Run until cancelled."""
        await asyncio.to_thread(self.refresh)
        while True:
            await self.update()
            await asyncio.sleep(_UPDATE_S)

    async def update(self) -> None:
        """Answer, clear, or leave what is shown."""
        mood = self._store.now.mood
        emotion = self._trigger.update(mood.voice if mood else None, self._clock())
        if emotion is Emotion.UNKNOWN:
            self._store.change(gallery={})
        elif emotion is not None:
            await asyncio.to_thread(self.refresh)
            self._store.change(gallery=self.select(emotion))

    def refresh(self) -> None:
        """Read the index if it has changed. One that cannot be used is logged, and the drawn faces answer."""
        stamp = read_stamp(self._index)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        faces: dict[str, IndexedFace] = {}
        try:
            index = read_index(self._index, GalleryView)
            if index is not None:
                files = _list_files(self._folder)
                faces = {face.name: face for face in index.pictures if thumbnail_name(face.name) in files}
                _log.info("gallery: %d pictures", len(faces))
        except MediaError as error:
            _log.warning("the drawn faces answer: %s", error)
        ranked = sorted(faces.values(), key=lambda face: (-face.confidence, face.name))
        self._names = frozenset(faces)
        self._by_emotion = {e: tuple(face for face in ranked if face.emotion is e)[:_MAX_ROTATION] for e in EMOTIONS}
        self._position.clear()

    def select(self, emotion: Emotion) -> Json:
        """The next five faces of one of the seven emotions, for the state store."""
        pictures = self._next_pictures(emotion)
        faces: list[Json] = [
            {"url": f"/api/gallery/{thumbnail_name(p.name)}", "confidence": round(p.confidence, 3)} for p in pictures
        ]
        faces += [
            {"url": f"/api/gallery/drawn/{emotion.value}-{person}.svg", "confidence": None}
            for person in self._draw(emotion, FACES_SHOWN - len(faces))
        ]
        return {"emotion": emotion.value, "time": round(time.time(), 3), "faces": faces}

    def read_thumbnail(self, name: str) -> bytes:
        """A thumbnail's JPEG. Raises KeyError if the index has no such name, or if its file has changed.

        The name is the hash of the content, so anything put in its place, a link too, is refused.
        """
        if name not in self._names:
            raise KeyError(name)
        try:
            content = _read_file(self._folder, thumbnail_name(name))
        except OSError as error:
            raise KeyError(name) from error
        if hashlib.sha256(content).hexdigest()[:32] != name:
            raise KeyError(name)
        return content

    def _next_pictures(self, emotion: Emotion) -> list[IndexedFace]:
        pictures = self._by_emotion.get(emotion, ())
        count, position = len(pictures), self._position.get(emotion, 0)
        if count <= FACES_SHOWN:
            self._position[emotion] = position + 1
            start = position % count if count else 0
            return [*pictures[start:], *pictures[:start]]
        while True:
            chosen = sorted((position + i) % count for i in range(FACES_SHOWN))
            position += FACES_SHOWN
            names = frozenset(pictures[i].name for i in chosen)
            if names != self._last.get(emotion):  # a new index starts at the most confident, maybe those just shown
                break
        self._position[emotion], self._last[emotion] = position, names
        return [pictures[i] for i in chosen]

    def _draw(self, emotion: Emotion, count: int) -> list[int]:
        if count <= 0:
            return []
        last = self._last_drawn.get(emotion, frozenset())
        chosen = self._rng.sample([p for p in range(drawn_faces.VARIANTS) if p not in last], count)
        self._last_drawn[emotion] = frozenset(chosen)
        return chosen


def _list_files(folder: Path) -> set[str]:
    """The names of the plain files. Raises MediaError."""
    try:
        if folder.is_symlink():
            raise MediaError(f"{folder}: a link; the gallery's folder is made by: mien gallery FOLDER")
        with os.scandir(folder) as entries:
            return {entry.name for entry in entries if entry.is_file(follow_symlinks=False)}
    except OSError as error:
        raise MediaError(f"{folder}: cannot be read ({error.strerror})") from error


def _read_file(folder: Path, name: str) -> bytes:
    """The content of a plain file, without following any link. Raises OSError."""
    directory = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        # O_NONBLOCK, because opening a pipe would wait for a writer.
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=directory)
    finally:
        os.close(directory)
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_size > _MAX_THUMBNAIL_BYTES:
            raise OSError(f"{name}: not a thumbnail")
        return file.read()
