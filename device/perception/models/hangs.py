"""How often an installed model has made `sense` hang. After MAX_HANGS times the shipped one is used."""

from collections.abc import Iterable
from pathlib import Path

from device.system.state_file import StateFile

FILE_NAME = "model_hangs.json"
MAX_HANGS = 2


class HangRecord:
    """The counts, by `ModelBundle.digest`, in the folder where `sense` may write (`Settings.sense_dir`)."""

    def __init__(self, sense_dir: Path) -> None:
        self._file = StateFile(sense_dir / FILE_NAME, dict[str, int], "no model is known to hang")

    def count(self, digest: str) -> int:
        """How often this model has hung."""
        return self._file.load(dict[str, int]()).get(digest, 0)

    def add(self, digests: Iterable[str]) -> None:
        """Count a hang of each. Raises OSError."""
        counts = self._file.load(dict[str, int]())
        self._file.save(counts | {digest: counts.get(digest, 0) + 1 for digest in digests})
