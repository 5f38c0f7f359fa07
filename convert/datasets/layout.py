"""Finds a corpus's files and reports a copy that is missing, incomplete, or mixed with other files."""

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
    """Every file below `folder` with one of the suffixes, sorted; skips the hidden files that macOS adds."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in suffixes and not path.name.startswith(".") and "__MACOSX" not in path.parts
    )


def find_inside(folder: Path, *names: str) -> Path:
    """The first of `names` found in `folder` or one level deeper, or `folder` itself."""
    for name in names:
        found = next((p for p in (folder / name, *sorted(folder.glob(f"*/{name}"))) if p.exists()), None)
        if found is not None:
            return found
    return folder


@dataclass(frozen=True)
class Layout:
    """How a published corpus names its files, and how many there are."""

    corpus: str
    title: str
    example: str
    count: int
    suffixes: frozenset[str] = frozenset({".wav"})
    what: str = "clips"

    def reject(self, path: Path) -> MediaError:
        """The error for a file that does not belong to the corpus."""
        return MediaError(
            f"{path}: not named like {self.title}'s {self.what}, such as {self.example}; remove it or rename it"
        )

    def require_complete(self, found: int, folder: Path, *, part: bool) -> None:
        """Raises MediaError when `found` is 0 or, unless `part` allows it, below the full count."""
        if found == 0:
            raise MediaError(
                f"{self.title}: no {self.what} in {folder}, such as {self.example}; "
                "put the dataset there or name its folder with --data"
            )
        if found < self.count and not part:
            raise MediaError(
                f"{self.title}: {found} of {self.count} {self.what} in {folder}; copy it again, or allow a part of it"
            )

    def records(self, folder: Path, parse: Callable[[Path], R | None], *, part: bool) -> list[R]:
        """The records that `parse` returns for the files below `folder`, sorted by person and name.

        `parse` returns None for a file of another corpus with the same naming. A duplicated file counts once: some
        copies of these corpora contain a second copy of themselves.
        """
        found: dict[str, R] = {}
        for path in find_media(require_path(folder, self.title), self.suffixes):
            record = parse(path)
            if record is not None:
                found.setdefault(record.name, record)
        self.require_complete(len(found), folder, part=part)
        return sorted(found.values(), key=lambda record: (record.person, record.name))
