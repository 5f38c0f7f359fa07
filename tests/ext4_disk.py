"""A real ext4 on a loop device, whose power can be cut: the journal and the page cache behave as on an SD card."""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


class Disk:
    """Mounted at `folder` until its power is cut; then mounted again with what had reached the disk."""

    def __init__(self, image: Path, folder: Path, megabytes: int) -> None:
        self.folder = folder
        self._image = image
        with image.open("wb") as file:
            file.truncate(megabytes * 1_000_000)
        # 4 KiB, as on an SD card. With smaller blocks a full disk ends SQLite by SIGBUS, in the map of its index.
        _run("mkfs.ext4", "-q", "-F", "-b", "4096", image)
        folder.mkdir(exist_ok=True)
        self._mount()

    def copy(self) -> Path:
        """What a power cut at this moment would leave. Costs milliseconds, and nobody notices."""
        left = self._image.with_suffix(".left")
        shutil.copyfile(self._image, left)
        return left

    def swap(self, left: Path) -> None:
        """Mount what `copy` returned instead. No process may use the disk any more."""
        self.close()
        left.replace(self._image)
        self._mount()

    def fill(self) -> None:
        """Leave no room for another file."""
        with (self.folder / "filling").open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while file.write(bytes(4096)):
                pass

    def fail(self) -> None:
        """Report an error of the medium to the kernel, which then takes no more writes, as with a dying SD card."""
        device = _run("findmnt", "-n", "-o", "SOURCE", self.folder).strip()
        Path(f"/sys/fs/ext4/{Path(device).name}/trigger_fs_error").write_text("1")

    def close(self) -> None:
        """Unmount it."""
        _run("umount", "-l", self.folder)

    def _mount(self) -> None:
        _run("mount", "-o", "loop,errors=remount-ro", self._image, self.folder)


@contextmanager
def ext4_disk(home: Path, folder: Path, megabytes: int = 16) -> Iterator[Disk]:
    """A disk mounted at `folder`, with its image in `home`; skips the test where this machine allows no loop device."""
    if os.geteuid():
        pytest.skip("a loop device needs root")
    try:
        disk = Disk(home / "disk.img", folder, megabytes)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no ext4 on a loop device here ({error})")
    try:
        yield disk
    finally:
        disk.close()


def _run(*words: str | Path) -> str:
    path = os.environ["PATH"] + ":/usr/sbin:/sbin"
    done = subprocess.run(
        list(map(str, words)), check=True, capture_output=True, text=True, timeout=30, env=os.environ | {"PATH": path}
    )
    return done.stdout
