"""What lies in a run folder: what was asked, what came of it epoch by epoch, and the weights.

`run.json` (what was asked), `log.jsonl` (one object an epoch), `last.pt` (to resume) and `best.pt` (the averaged
weights of the best validation epoch, which `quantize` takes).
"""

import json
import pickle
import platform
import subprocess
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from device.errors import ModelError, SettingsError

_DAMAGED = (RuntimeError, EOFError, ValueError, LookupError, TypeError, AttributeError, pickle.UnpicklingError)
"""What `torch.load` raises at a file that is cut off, or is no file of its own."""


def begun(recipe: str, plan: dict[str, Any], batches: int, folder: Path) -> None:
    """Put down what repeats the run, `batches` an epoch.

    Raises SettingsError where the folder has a run of another plan, or of other rows, to resume.
    """
    folder.mkdir(parents=True, exist_ok=True)
    record = folder / "run.json"
    if (folder / "last.pt").exists() and record.exists():
        _as_before(record, recipe, {**plan, "batches_an_epoch": batches})
    commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
    made_with = {"torch": torch.__version__, "python": platform.python_version(), "machine": platform.machine()}
    told = {"recipe": recipe, "plan": plan, "batches_an_epoch": batches}
    partial = record.with_suffix(".partial")
    partial.write_text(json.dumps({**told, "commit": commit or None, "made_with": made_with}, indent=1) + "\n")
    partial.replace(record)


def _as_before(record: Path, recipe: str, wanted: dict[str, Any]) -> None:
    try:
        told = json.loads(record.read_text())
        once, before = told["recipe"], {**told["plan"], "batches_an_epoch": told.get("batches_an_epoch")}
    except (ValueError, KeyError, TypeError) as error:
        raise SettingsError(f"{record}: cannot be read ({error}); name another folder with --out") from error
    # Older records tell neither; the learning rate's schedule in what is there to resume was made for so many steps.
    before.setdefault("rows", wanted["rows"])
    if before["batches_an_epoch"] is None:
        schedule = loaded(record.with_name("last.pt"), torch.device("cpu")).get("schedule", {})
        before["batches_an_epoch"] = schedule.get("total_steps", 0) // before["epochs"]
    # How many threads compute it changes nothing that is learnt.
    if (once, before | {"threads": 0}) != (recipe, wanted | {"threads": 0}):
        raise SettingsError(
            f"{record}: this run was begun as {once} with {before}, now {recipe} with {wanted} is asked for; "
            "name another folder with --out, or remove this one"
        )


def loaded(path: Path, device: torch.device) -> dict[str, Any]:
    """What `write` wrote; raises ModelError where it is missing or damaged."""
    try:
        state = torch.load(path, map_location=device, weights_only=True)
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror}); name a run folder") from error
    except _DAMAGED as error:
        why = str(error).partition("\n")[0]
        raise ModelError(
            f"{path}: cannot be read as weights ({why}); copy it again, or remove it and train anew"
        ) from error
    if not isinstance(state, dict):
        raise ModelError(f"{path}: holds no weights; copy it again, or remove it and train anew")
    return state


def load_weights(folder: Path) -> dict[str, Tensor]:
    """Of best.pt; raises ModelError where it is missing or damaged."""
    weights = loaded(folder / "best.pt", torch.device("cpu"))
    if not all(isinstance(values, Tensor) for values in weights.values()):
        raise ModelError(f"{folder / 'best.pt'}: holds more than weights; copy it again, or remove it and train anew")
    return weights


def fill(network: nn.Module, folder: Path) -> None:
    """Give `network` the weights of best.pt; raises ModelError where there are none, or those of another recipe."""
    try:
        network.load_state_dict(load_weights(folder))
    except RuntimeError as error:
        raise ModelError(f"{folder}: its layers are not those of {type(network).__name__} as asked for") from error


def trained(name: str, folder: Path, network: nn.Module) -> nn.Module:
    """`network` as the run `name` in `folder` left it, put to rest; raises ModelError as `fill` does."""
    if not (folder / "best.pt").exists():
        raise ModelError(f"{folder / 'best.pt'} is missing: python -m convert train {name}")
    fill(network, folder)
    return network.eval()


def write(state: object, path: Path) -> None:
    """Whole or not at all: a run that is cut off while it saves must still resume."""
    partial = path.with_suffix(".partial")
    torch.save(state, partial)
    partial.replace(path)


def log(line: dict[str, float], folder: Path) -> None:
    """One line more of log.jsonl."""
    with (folder / "log.jsonl").open("a") as lines:
        lines.write(json.dumps(line) + "\n")


def forget_after(epoch: int, folder: Path) -> None:
    """What was learnt after the state was written is learnt again, and told again."""
    path = folder / "log.jsonl"
    if path.exists():
        lines = path.read_text().splitlines(keepends=True)
        path.write_text("".join(line for line in lines if line.endswith("\n") and json.loads(line)["epoch"] <= epoch))
