"""Finding a corpus's files, and saying what is wrong with a copy: missing, half there, or with a stranger in it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from convert.datasets import require_path
from convert.datasets.records import Record
from device.errors import MediaError

PICTURE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".pgm", ".webp"})
SOUND_SUFFIXES = frozenset({".wav", ".flac", ".mp3", ".ogg", ".opus", ".m4a"})

R = TypeVar("R", bound=Record)


def find_media(folder: Path, suffixes: frozenset[str]) -> list[Path]:
    """Every file below `folder` with one of the suffixes, sorted; without the hidden ones that a Mac leaves behind."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in suffixes and not path.name.startswith(".") and "__MACOSX" not in path.parts
    )


def find_inside(folder: Path, *names: str) -> Path:
    """The first of the `names` that stands in `folder` or one level deeper, or `folder` itself."""
    for name in names:
        found = next((p for p in (folder / name, *sorted(folder.glob(f"*/{name}"))) if p.exists()), None)
        if found is not None:
            return found
    return folder


@dataclass(frozen=True)
class Layout:
    """How a published corpus names its files, and how many of them there are."""

    corpus: str
    title: str
    such_as: str
    count: int
    suffixes: frozenset[str] = frozenset({".wav"})
    what: str = "clips"

    def stranger(self, path: Path) -> MediaError:
        """What to raise at a file that the corpus does not have."""
        return MediaError(
            f"{path}: not named as {self.title}'s {self.what} are, such as {self.such_as}; take it out or rename it"
        )

    def whole(self, found: int, folder: Path, *, part: bool) -> None:
        """Raises MediaError when nothing is `found` in `folder`, or, unless a `part` will do, less than all."""
        if found == 0:
            raise MediaError(
                f"{self.title}: no {self.what} in {folder}, such as {self.such_as}; "
                "put the dataset there or name its folder with --data"
            )
        if found < self.count and not part:
            raise MediaError(
                f"{self.title}: {found} of {self.count} {self.what} in {folder}; copy it again, or allow a part of it"
            )

    def records(self, folder: Path, parse: Callable[[Path], R | None], *, part: bool) -> list[R]:
        """What `parse` makes of every file below `folder`, sorted by person and name.

        None is a file of another corpus that shares the naming. A file that stands there twice counts once: some
        copies of these corpora hold a second copy of themselves.
        """
        found: dict[str, R] = {}
        for path in find_media(require_path(folder, self.title), self.suffixes):
            record = parse(path)
            if record is not None:
                found.setdefault(record.name, record)
        self.whole(len(found), folder, part=part)
        return sorted(found.values(), key=lambda record: (record.person, record.name))
