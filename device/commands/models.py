"""`mien models list / install / rollback / fetch`."""

import argparse
import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from device.commands import JSON, Arguments
from device.commands.fetch_detectors import fetch
from device.errors import MienError, ModelError
from device.perception.models.bundle import find_bundles
from device.perception.models.card import MODEL_NAMES
from device.perception.models.inputs import check_card
from device.perception.models.install import Change, ModelStore
from device.perception.models.registry import SERVICE, Selection, models_folder, read_shipped, select, state_folder
from device.settings.load import load

_WHAT = "install: use another model; rollback: go back to the one before; fetch: get MediaPipe's face detectors"
_SUBJECT = "install: NAME.tflite or NAME.json (with the other beside it), a zip or a folder; rollback: the model"
ARGUMENTS: Arguments = {
    "what": {"choices": ["list", "install", "rollback", "fetch"], "help": _WHAT},
    "subject": {"nargs": "?", "metavar": "FILE|NAME", "help": _SUBJECT},
    "--json": JSON,
}


def run(arguments: argparse.Namespace) -> int:
    """List, install or roll back models; or fetch the face detectors. Raises ModelError."""
    what, subject = arguments.what, arguments.subject
    if subject is not None and what in {"list", "fetch"}:
        raise MienError(f"mien models {what} takes no further argument, but was given {subject!r}")
    if what == "fetch":
        fetched = fetch()
        print(f"face detectors: fetched {', '.join(fetched)}" if fetched else "face detectors: already there")
        return 0
    state_dir = state_folder(load(arguments.settings))
    if what == "list":
        _list(state_dir, as_json=arguments.json)
        return 0
    if what == "install":
        if subject is None:
            raise MienError("mien models install needs a file: NAME.tflite with NAME.json beside it, or both in a zip")
        bundles = find_bundles(Path(subject), MODEL_NAMES)
        with ModelStore(state_dir) as store:
            changes = store.install(bundles)
    else:
        if subject is not None and subject not in MODEL_NAMES:
            names = ", ".join(MODEL_NAMES)
            raise MienError(f"mien models rollback {subject}: there is no such model; the models are {names}")
        if not models_folder(state_dir).is_dir():
            raise ModelError(f"nothing was installed in {state_dir}: there is nothing to go back to")
        with ModelStore(state_dir) as store:
            changes = store.rollback(subject)
    _report(changes, state_dir, as_json=arguments.json)
    return 0


def _report(changes: list[Change], state_dir: Path, *, as_json: bool) -> None:
    restart = any(change.changed for change in changes)
    if as_json:
        models = [asdict(change) for change in changes]
        print(json.dumps({"folder": str(models_folder(state_dir)), "restart": restart, "models": models}))
        return
    for change in changes:
        source = "shipped" if change.shipped else "installed"
        if not change.changed:
            print(f"{change.name} {change.version} ({source}) is in use already; nothing was changed.")
            continue
        if change.passed_over:
            print(f"{change.name}: the version before is damaged and was skipped ({change.passed_over}).")
        test = f" It read its test input correctly in {1000 * change.reading_s:.1f} ms." if change.reading_s else ""
        print(f"{change.name} {change.version} ({source}) replaces {change.before}.{test}")
    if restart:
        service = state_dir == SERVICE
        how = "systemctl restart mien-sense" if service else "stop mien run (or mien sense) and start it again"
        print(f"Stored in {models_folder(state_dir)}. A running Mien keeps its models until it is restarted: {how}.")
        if any(change.reading_s for change in changes):
            print("To go back: mien models rollback")


def _list(state_dir: Path, *, as_json: bool) -> None:
    choices = [select(name, state_dir) for name in MODEL_NAMES]
    if as_json:
        print(json.dumps([_as_json(choice) for choice in choices]))
        return
    for choice in choices:
        card = choice.model.card
        print(f"{card.name} {card.version}, {_describe_source(choice)}  {choice.path}  sha256 {card.sha256[:16]}…")
        if choice.damage:
            print(f"  BAD: {choice.damage}")
        print(f"  reads {card.input}")
        for corpus in card.corpora:
            print(f"  learned from {corpus.name} ({corpus.licence})")
        for what, value in card.accuracy.items():
            print(f"  {what}: {value:.1f} %")
        print(f"  wrong too often below a confidence of {100 * card.unknown_below:.0f} % (mood.min_confidence)")
        print(f"  {card.limits}")


def _describe_source(choice: Selection) -> str:
    slot, installed = choice.slot, choice.installed
    back = f", rolled back to on {_format_time(slot.rolled_back_utc_s)}" if slot.rolled_back_utc_s is not None else ""
    if installed is None:
        return f"shipped{'' if choice.damage else back}"
    before = f"before it {slot.before.version}" if slot.before else f"before it the shipped {_shipped_version(choice)}"
    return f"installed on {_format_time(installed.installed_utc_s)}{back}, {before}"


def _shipped_version(choice: Selection) -> str:
    try:
        return check_card(read_shipped(choice.model.card.name)).version
    except ModelError:
        return "one (damaged)"


def _as_json(choice: Selection) -> dict[str, Any]:
    installed, before, back_utc_s = choice.installed, choice.slot.before, choice.slot.rolled_back_utc_s
    card: dict[str, Any] = msgspec.to_builtins(choice.model.card)
    return card | {
        "path": str(choice.path),
        "source": "shipped" if installed is None else "installed",
        "installed_utc": _format_time(installed.installed_utc_s, iso=True) if installed else None,
        "rolled_back_utc": None if back_utc_s is None else _format_time(back_utc_s, iso=True),
        "before": before.version if before else None,
        "damage": choice.damage or None,
    }


def _format_time(utc_s: float, *, iso: bool = False) -> str:
    """In UTC for programs (ISO 8601), in local time for people."""
    try:
        time = datetime.fromtimestamp(utc_s, UTC)
        return time.isoformat(timespec="seconds") if iso else time.astimezone().strftime("%Y-%m-%d %H:%M")
    except (ValueError, OverflowError, OSError):
        return "an impossible date"
