"""The folder of the installed models and their registry, written so that a power cut at any moment does no harm.

Each model has its own folder, named after its content, which never changes. The registry says which are in use; a
new one replaces it in one rename. So at any moment either the old or the new registry is there, with every folder that
it names.
"""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import msgspec

from device.errors import ModelError
from device.perception.models.bundle import ModelBundle
from device.perception.models.registry import REGISTRY, Registry, bundle_folder, models_folder, read_installed
from device.system.locked_folder import LockedFolder

_PARTIAL = "partial"


class ModelFolder(LockedFolder):
    """The folder of installed models. Every method raises ModelError if the disk fails."""

    def __init__(self, state_dir: Path) -> None:
        super().__init__(state_dir, models_folder(state_dir), "mien models", ModelError)

    def replace(self, old: Registry, new: Registry, bundles: Sequence[ModelBundle] = ()) -> None:
        """Write the models, then the registry that names them; then delete those that neither registry names."""
        with self._refusals():
            for bundle in bundles:
                self._put(bundle)
            self._write(REGISTRY, msgspec.json.encode(new))
            self._prune(old, new)

    def has(self, bundle: ModelBundle) -> bool:
        """Whether the model is stored and undamaged."""
        try:
            read_installed(bundle.name, bundle.digest, self._state_dir)
        except ModelError:
            return False
        return True

    def _put(self, bundle: ModelBundle) -> None:
        if self.has(bundle):
            return
        self._remove(_PARTIAL)
        os.mkdir(_PARTIAL, 0o700, dir_fd=self._descriptor)
        partial = os.open(_PARTIAL, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=self._descriptor)
        try:
            self._own(partial)
            self._write(f"{bundle.name}.tflite", bundle.network, folder=partial)
            self._write(f"{bundle.name}.json", bundle.card, folder=partial)
        finally:
            os.close(partial)
        home = bundle_folder(bundle.name, bundle.digest)
        self._remove(home)  # a damaged copy
        os.rename(_PARTIAL, home, src_dir_fd=self._descriptor, dst_dir_fd=self._descriptor)
        os.fsync(self._descriptor)

    def _prune(self, old: Registry, new: Registry) -> None:
        """Delete models in neither registry. The old one counts, too: a starting `sense` may have read it."""
        named = {
            bundle_folder(name, installed.digest)
            for registry in (old, new)
            for name, slot in registry.slots.items()
            for installed in (slot.now, slot.before)
            if installed is not None
        }
        with os.scandir(self._descriptor) as entries:
            obsolete = [entry.name for entry in entries if entry.name not in named and entry.name != REGISTRY]
        for name in obsolete:
            self._remove(name)

    def _remove(self, name: str) -> None:
        try:
            os.unlink(name, dir_fd=self._descriptor)
        except FileNotFoundError:
            pass
        except (IsADirectoryError, PermissionError):
            shutil.rmtree(name, dir_fd=self._descriptor)
