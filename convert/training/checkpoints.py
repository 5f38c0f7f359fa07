"""The run folder: the plan, the log of the epochs, and the weights.

`run.json` (the plan), `log.jsonl` (one object per epoch), `last.pt` (to resume from) and `best.pt` (the averaged
weights of the best validation epoch, which `quantize` reads).
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
"""What `torch.load` raises for a file that is truncated or not one of its own."""


def write_record(network: str, plan: dict[str, Any], batches: int, folder: Path) -> None:
    """Write `run.json`, which is enough to repeat the run; `batches` is their number per epoch.

    Raises SettingsError when `folder` holds a run to resume that has another plan or other rows.
    """
    folder.mkdir(parents=True, exist_ok=True)
    record = folder / "run.json"
    if (folder / "last.pt").exists() and record.exists():
        _require_same_run(record, network, {**plan, "batches_an_epoch": batches})
    commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
    made_with = {"torch": torch.__version__, "python": platform.python_version(), "machine": platform.machine()}
    run = {"recipe": network, "plan": plan, "batches_an_epoch": batches}
    partial = record.with_suffix(".partial")
    partial.write_text(json.dumps({**run, "commit": commit or None, "made_with": made_with}, indent=1) + "\n")
    partial.replace(record)


def _require_same_run(record: Path, network: str, plan: dict[str, Any]) -> None:
    try:
        stored = json.loads(record.read_text())
        stored_network, stored_plan = stored["recipe"], stored["plan"]
        # Records of earlier versions list the options of faces for every network.
        stored_plan = {key: value for key, value in stored_plan.items() if key in plan}
        stored_plan["batches_an_epoch"] = stored.get("batches_an_epoch")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SettingsError(f"{record}: cannot be read ({error}); name another folder with --out") from error
    # The oldest records have neither rows nor batches. The learning rate's schedule knows its total number of steps.
    stored_plan.setdefault("rows", plan["rows"])
    if stored_plan["batches_an_epoch"] is None:
        schedule = load(record.with_name("last.pt"), torch.device("cpu")).get("schedule", {})
        stored_plan["batches_an_epoch"] = schedule.get("total_steps", 0) // stored_plan["epochs"]
    # The number of threads does not change the result.
    if (stored_network, stored_plan | {"threads": 0}) != (network, plan | {"threads": 0}):
        raise SettingsError(
            f"{record}: this run was started as {stored_network} with {stored_plan}; the command asks for {network} "
            f"with {plan}; name another folder with --out, or delete this one"
        )


def load(path: Path, device: torch.device) -> dict[str, Any]:
    """What `save` wrote; raises ModelError when it is missing or damaged."""
    try:
        state = torch.load(path, map_location=device, weights_only=True)
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror}); name a run folder") from error
    except _DAMAGED as error:
        why = str(error).partition("\n")[0]
        raise ModelError(f"{path}: cannot be read as weights ({why}); copy it again, or train it again") from error
    if not isinstance(state, dict):
        raise ModelError(f"{path}: holds no weights; copy it again, or train it again")
    return state


def load_weights(folder: Path) -> dict[str, Tensor]:
    """The weights of best.pt; raises ModelError when it is missing or damaged."""
    weights = load(folder / "best.pt", torch.device("cpu"))
    if not all(isinstance(values, Tensor) for values in weights.values()):
        raise ModelError(f"{folder / 'best.pt'}: holds more than weights; copy it again, or train it again")
    return weights


def load_into(network: nn.Module, folder: Path) -> None:
    """Load best.pt into `network`; raises ModelError when it is missing or belongs to another network."""
    try:
        network.load_state_dict(load_weights(folder))
    except RuntimeError as error:
        raise ModelError(f"{folder}: its layers do not fit {type(network).__name__}") from error


def load_trained(name: str, folder: Path, network: nn.Module) -> nn.Module:
    """`network`, in evaluation mode, with the weights of run `name` in `folder`; raises ModelError as `load_into`."""
    if not (folder / "best.pt").exists():
        raise ModelError(f"{folder / 'best.pt'} is missing: python -m convert train {name}")
    load_into(network, folder)
    return network.eval()


def save(state: object, path: Path) -> None:
    """Write `path` whole or not at all: a run that is interrupted while saving can still be resumed."""
    partial = path.with_suffix(".partial")
    torch.save(state, partial)
    partial.replace(path)


def append_log(line: dict[str, float], folder: Path) -> None:
    """Append one line to log.jsonl."""
    with (folder / "log.jsonl").open("a") as lines:
        lines.write(json.dumps(line) + "\n")


def truncate_log(epoch: int, folder: Path) -> None:
    """Drop the lines after `epoch`: those epochs were trained after the last save, and are trained and logged again."""
    path = folder / "log.jsonl"
    if path.exists():
        lines = path.read_text().splitlines(keepends=True)
        path.write_text("".join(line for line in lines if line.endswith("\n") and json.loads(line)["epoch"] <= epoch))
