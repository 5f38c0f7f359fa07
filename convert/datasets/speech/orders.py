"""Spoken orders to a coffee machine, from orders.zip in shared/data: everyday English from over 50 people.

No emotion is acted and no speaker is named. They teach a network what speech sounds like, and show how often calm,
everyday speech is mistaken for a mood.
"""

import zipfile
from pathlib import Path

from convert.datasets import require_path
from convert.datasets.audio_cache import decode_members
from convert.datasets.labels import NONE
from convert.datasets.speech.clips import Clip
from device.errors import MediaError


def read_orders(folder: Path, cache: Path | None = None) -> list[Clip]:
    """All 619, in the order of their numbers; raises MediaError when the zip is missing, damaged or incomplete."""
    archive = require_path(folder / "orders.zip", "orders")
    try:
        with zipfile.ZipFile(archive) as members:
            names = sorted(Path(name).stem for name in members.namelist() if name.endswith(".opus"))
    except zipfile.BadZipFile as error:
        raise MediaError(f"{archive}: cannot be read as a zip ({error}); copy it again") from error
    if len(names) < 619:
        raise MediaError(f"orders: {len(names)} of 619 clips in {archive}; copy it again")
    return [
        Clip(name, "orders", speaker="", sex="", emotion=NONE, samples=samples)
        for name, samples in zip(names, decode_members(archive, names, cache), strict=True)
    ]
