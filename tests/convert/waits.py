"""Runs `convert` as other machines do."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
_BARE = """
import sys

class Bare:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"av", "ai_edge_litert", "litert_torch", "ai_edge_quantizer", "msgspec"}:
            raise ModuleNotFoundError(f"{name} is not on a machine that is lent for its GPU", name=name)

sys.meta_path.insert(0, Bare())
"""


def train_where_little_is_there(*words: str, where: Path) -> "subprocess.CompletedProcess[str]":
    """Run `convert train` in the folder `where`, as on a machine with only PyTorch, numpy and OpenCV."""
    (where / "bare").mkdir(exist_ok=True)
    (where / "bare" / "sitecustomize.py").write_text(_BARE)
    environment = {**os.environ, "PYTHONPATH": f"{where / 'bare'}:{ROOT}", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "convert", "train", *words]
    return subprocess.run(command, cwd=where, env=environment, capture_output=True, text=True, timeout=500, check=False)
