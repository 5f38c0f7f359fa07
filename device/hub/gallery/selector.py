"""The gallery: five faces that answer to a voice. From a folder's index, or else the project's own drawn ones."""

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
from device.ipc.gallery_index import GalleryView, IndexedFace, gallery_folder, picture_path, read_index, thumbnail

_log = logging.getLogger(__name__)

FIVE = 5
_SUREST = 50
"""So many of an emotion take turns: ten times five. Those after them were read with less and less certainty."""
_MAX_BYTES = 1_000_000
_LOOK_S = 0.25
DRAWN = frozenset(f"{emotion.value}-{person}" for emotion in EMOTIONS for person in range(drawn_faces.VARIANTS))
"""All drawn faces there are, as their addresses name them."""


class GallerySelector:
    """Looks at the mood on the board, and puts five faces there; the index is read again when it has changed.

    With more than five pictures of an emotion, five of the surest fifty take turns, so no five come twice running. With
    just five it is those, another one first each time. What is lacking to five is drawn, by others than last time.
    """

    def __init__(
        self,
        state_dir: Path,
        board: StateStore,
        answering: VoiceTrigger,
        clock: Callable[[], float] = time.monotonic,
        dice: random.Random | None = None,
    ) -> None:
        self._folder = gallery_folder(state_dir)
        self._index = picture_path(state_dir)
        self._board = board
        self._answering = answering
        self._clock = clock
        self._dice = dice or random.Random()  # noqa: S311 - which face comes up is no secret
        self._stamp: tuple[int, ...] | None = None
        self._names: frozenset[str] = frozenset()
        self._by_emotion: dict[Emotion, tuple[IndexedFace, ...]] = {}
        self._turn: dict[Emotion, int] = {}
        self._last: dict[Emotion, frozenset[str]] = {}
        self._last_drawn: dict[Emotion, frozenset[int]] = {}

    async def run(self) -> None:
        """Until cancelled."""
        await asyncio.to_thread(self.refresh)
        while True:
            await self.look()
            await asyncio.sleep(_LOOK_S)

    async def look(self) -> None:
        """Once: answer, clear, or leave what is there."""
        mood = self._board.now.mood
        emotion = self._answering.due(mood.voice if mood else None, self._clock())
        if emotion is Emotion.UNKNOWN:
            self._board.change(gallery={})
        elif emotion is not None:
            await asyncio.to_thread(self.refresh)
            self._board.change(gallery=self.answer(emotion))

    def refresh(self) -> None:
        """Read the index if it is another than last time. One that cannot be used is told: no pictures, then."""
        stamp: tuple[int, ...] = ()
        try:
            found = self._index.stat()
            stamp = (found.st_mtime_ns, found.st_size, found.st_ino)
        except OSError as error:
            _log.debug("no gallery: %s", error)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        shown: dict[str, IndexedFace] = {}
        try:
            shelf = read_index(self._index, GalleryView)
            if shelf is not None:
                there = _files(self._folder)
                shown = {picture.name: picture for picture in shelf.pictures if thumbnail(picture.name) in there}
                _log.info("gallery: %d pictures", len(shown))
        except MediaError as error:
            _log.warning("the drawn faces answer: %s", error)
        ranked = sorted(shown.values(), key=lambda picture: (-picture.confidence, picture.name))
        self._names = frozenset(shown)
        self._by_emotion = {e: tuple(p for p in ranked if p.emotion is e)[:_SUREST] for e in EMOTIONS}
        self._turn.clear()

    def answer(self, emotion: Emotion) -> Json:
        """The next five of one of the seven emotions, for the board."""
        pictures = self._next(emotion)
        faces: list[Json] = [
            {"url": f"/api/gallery/{thumbnail(p.name)}", "confidence": round(p.confidence, 3)} for p in pictures
        ]
        faces += [
            {"url": f"/api/gallery/drawn/{emotion.value}-{person}.svg", "confidence": None}
            for person in self._drawn(emotion, FIVE - len(faces))
        ]
        return {"emotion": emotion.value, "time": round(time.time(), 3), "faces": faces}

    def picture(self, name: str) -> bytes:
        """A thumbnail's JPEG. Raises KeyError when the index has no such name, or its file is not what it was.

        The name is the content's hash: whatever else was put in its place, a link too, is not given out.
        """
        if name not in self._names:
            raise KeyError(name)
        try:
            content = _content(self._folder, thumbnail(name))
        except OSError as error:
            raise KeyError(name) from error
        if hashlib.sha256(content).hexdigest()[:32] != name:
            raise KeyError(name)
        return content

    def _next(self, emotion: Emotion) -> list[IndexedFace]:
        pictures = self._by_emotion.get(emotion, ())
        count, turn = len(pictures), self._turn.get(emotion, 0)
        if count <= FIVE:
            self._turn[emotion] = turn + 1
            start = turn % count if count else 0
            return [*pictures[start:], *pictures[:start]]
        while True:
            chosen = sorted((turn + i) % count for i in range(FIVE))
            turn += FIVE
            names = frozenset(pictures[i].name for i in chosen)
            if names != self._last.get(emotion):  # a new index begins at its surest, which may be the last five
                break
        self._turn[emotion], self._last[emotion] = turn, names
        return [pictures[i] for i in chosen]

    def _drawn(self, emotion: Emotion, count: int) -> list[int]:
        if count <= 0:
            return []
        last = self._last_drawn.get(emotion, frozenset())
        chosen = self._dice.sample([p for p in range(drawn_faces.VARIANTS) if p not in last], count)
        self._last_drawn[emotion] = frozenset(chosen)
        return chosen


def _files(folder: Path) -> set[str]:
    """The names of what is there. Raises MediaError."""
    try:
        if folder.is_symlink():
            raise MediaError(f"{folder}: a link; the gallery's folder is made by: mien gallery FOLDER")
        with os.scandir(folder) as entries:
            return {entry.name for entry in entries if entry.is_file(follow_symlinks=False)}
    except OSError as error:
        raise MediaError(f"{folder}: cannot be looked into ({error.strerror})") from error


def _content(folder: Path, name: str) -> bytes:
    """A plain file's, without following any link. Raises OSError."""
    inside = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        # Opening a pipe would wait for somebody to write into it.
        file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=inside)
    finally:
        os.close(inside)
    with os.fdopen(file, "rb") as opened:
        found = os.fstat(file)
        if not stat.S_ISREG(found.st_mode) or found.st_size > _MAX_BYTES:
            raise OSError(f"{name}: no thumbnail")
        return opened.read()
