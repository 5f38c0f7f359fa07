"""`mien gallery`: chooses the faces that the page shows in answer to a voice: from a folder of pictures, or drawn."""

import argparse
import json
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from device.commands import CROP, JSON, Arguments, parse_path, switch
from device.emotions import EMOTIONS
from device.ipc.gallery_index import Index, index_path, read_index
from device.perception.load import load_perception
from device.perception.offline.gallery import Outcome, Step, clear, index_folder
from device.settings.load import load
from device.settings.schema import Settings
from device.system.terminal import printable

ARGUMENTS: Arguments = {
    "folder": {"nargs": "?", "type": parse_path, "metavar": "FOLDER", "help": "pictures with one face each, to index"},
    "--clear": switch("go back to the drawn faces"),
    "--crop": CROP,
    "--json": JSON,
}
EXCLUSIVE = ("folder", "--clear")


def run(arguments: argparse.Namespace) -> int:
    """Index a folder, clear the index, or show it. Raises MediaError when the folder has no usable picture."""
    settings = load(arguments.settings)
    if arguments.clear:
        removed = clear(settings)
        text = f"{removed} pictures removed; now the drawn faces answer."
        print(json.dumps({"removed": removed}) if arguments.json else text)
        return 0
    progress = _Progress(quiet=arguments.json)
    if arguments.folder:
        perception = load_perception(settings)
        index = index_folder(arguments.folder, perception, settings, progress.report, crop=arguments.crop)
        summary = _summarize(index) | progress.summary()
    else:
        summary = _summarize(read_index(index_path(settings.state_dir), Index))
    print(json.dumps(summary) if arguments.json else _describe(summary, settings))
    return 0


@dataclass
class _Progress:
    """Prints each file that cannot be used, and the progress every few seconds."""

    quiet: bool
    counts: Counter[Outcome] = field(default_factory=Counter)
    broken: list[dict[str, str]] = field(default_factory=list)
    started_s: float = field(default_factory=time.monotonic)
    reported_s: float = field(default_factory=time.monotonic)

    def report(self, step: Step) -> None:
        self.counts[step.outcome] += 1
        if step.outcome is Outcome.BROKEN:
            self.broken.append({"path": step.source, "error": step.error})
        if not self.quiet and step.outcome in {Outcome.BROKEN, Outcome.NO_FACE}:
            print(printable(step.error or f"{step.source}: no face found"), flush=True)
        now_s = time.monotonic()
        if now_s - self.reported_s >= 5.0:
            self.reported_s = now_s
            left_s = (now_s - self.started_s) / step.done * (step.of - step.done)
            print(f"{step.done} of {step.of} pictures, about {left_s:.0f} s left", file=sys.stderr, flush=True)

    def summary(self) -> dict[str, Any]:
        names = {outcome.value.replace(" ", "_"): self.counts[outcome] for outcome in Outcome}
        return names | {"errors": self.broken}


def _summarize(index: Index | None) -> dict[str, Any]:
    # A picture that exists in two places counts once: it has one thumbnail.
    emotions = Counter({p.name: p.emotion for p in index.pictures}.values() if index else ())
    return {
        "folder": index.folder if index else None,
        "pictures": emotions.total(),
        "emotions": {emotion.value: emotions[emotion] for emotion in EMOTIONS},
        "under_five": [emotion.value for emotion in EMOTIONS if emotions[emotion] < 5],
    }


def _describe(summary: dict[str, Any], settings: Settings) -> str:
    lines = []
    if "read" in summary:
        text = "{read} read, {unchanged} unchanged, {no_face} without a face, {broken} broken."
        lines.append(text.format_map(summary))
    if summary["folder"] is None:
        return "No pictures are indexed: the drawn faces answer. To index a folder: mien gallery FOLDER"
    if summary.get("no_face", 0) > summary["pictures"]:
        lines.append("If these pictures are cropped to the faces, use --crop.")
    copies = index_path(settings.state_dir).parent
    lines.append(f"{summary['pictures']} pictures from {printable(summary['folder'])}, copied to {copies}:")
    lines += [f"  {emotion:9}{count:6}" for emotion, count in summary["emotions"].items()]
    if summary["under_five"]:
        lines.append(f"Fewer than five, so drawn faces fill up: {', '.join(summary['under_five'])}.")
    return "\n".join(lines)
