"""Samples of sounds in zips and files, decoded once and cached."""

import hashlib
import io
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt

from device.emotions import Floats
from device.errors import MediaError

Samples = npt.NDArray[np.int16]
_SUFFIX = ".opus"


def member_name(name: str) -> str:
    """The file name of the clip `name` in its zip."""
    return f"{name}{_SUFFIX}"


def require_complete_table(table: Path, archive: Path, names: Sequence[str], *, part: bool) -> None:
    """Raises MediaError when the zip has clips that are missing from `names`, unless `part` allows that."""
    with _open_zip(archive) as members:
        clips = {name for name in members.namelist() if name.endswith(_SUFFIX) and "/" not in name}
    unlisted = clips - {member_name(name) for name in names}
    if unlisted and not part:
        raise MediaError(
            f"{table}: lists {len(clips) - len(unlisted)} of the {len(clips)} clips in {archive.name}; copy it again, "
            "or allow a part of it"
        )


def decode_members(archive: Path, names: Sequence[str], cache: Path | None) -> list[Samples]:
    """The named .opus members of a zip as int16 at 16 kHz, in order; raises MediaError when one is missing.

    Cached in `cache` under the members' names and checksums, in their order.
    """
    member_names = [member_name(name) for name in names]
    with _open_zip(archive) as members:
        found = {info.filename: info.CRC for info in members.infolist()}
        found_count = len(set(found) & set(member_names))
        if found_count < len(names):
            raise MediaError(f"{archive}: contains {found_count} of {len(names)} clips; copy it again")
        path = _cache_path(cache, archive.stem, [(name, found[name]) for name in member_names])
        return _load_or_decode(
            path, len(names), lambda: (_decode(members.read(name), f"{archive}, {name}") for name in member_names)
        )


@contextmanager
def _open_zip(archive: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(archive) as members:
            yield members
    except zipfile.BadZipFile as error:
        raise MediaError(f"{archive}: cannot be read as a zip ({error}); copy it again") from error


def decode_files(paths: Sequence[Path], label: str, cache: Path | None) -> list[Samples]:
    """Sound files as int16 at 16 kHz, in order; cached in `cache` under `label` and the files' names and sizes."""
    from device.perception.media.decode import read_sound

    sizes = [(path.parts[-2:], path.stat().st_size) for path in paths]
    return _load_or_decode(
        _cache_path(cache, label, sizes), len(paths), lambda: (_to_int16(read_sound(path)) for path in paths)
    )


def _cache_path(cache: Path | None, label: str, what: object) -> Path | None:
    return cache and cache / f"{label}-{hashlib.sha256(repr(what).encode()).hexdigest()[:12]}.npz"


def _load_or_decode(path: Path | None, count: int, sounds: Callable[[], Iterable[Samples]]) -> list[Samples]:
    """Load `count` sounds from `path` if it holds that many; otherwise decode and save them."""
    if path and path.exists():
        stored = np.load(path)
        if len(stored["ends"]) == count:
            return np.split(stored["samples"], stored["ends"][:-1])
    decoded = list(sounds())
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Renamed when complete: another process may read it, and this one may be interrupted.
        partial = path.with_suffix(".partial")
        with partial.open("wb") as file:
            np.savez(file, samples=np.concatenate(decoded), ends=np.cumsum([len(s) for s in decoded]))
        partial.replace(path)
    return decoded


def _decode(data: bytes, where: str) -> Samples:
    from device.perception.media.decode import read_sound

    try:
        return _to_int16(read_sound(io.BytesIO(data)))
    except MediaError as error:
        raise MediaError(f"{where}: {error}; copy it again") from error


def _to_int16(samples: Floats) -> Samples:
    return np.clip(samples * 32768, -32768, 32767).astype(np.int16)
