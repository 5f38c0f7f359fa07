"""`mien gallery`: the faces that answer to a voice, out of a folder of pictures, or as they are drawn here."""

import argparse
import json
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from device.emotions import EMOTIONS
from device.ipc.gallery_index import Index, picture_path, read_index
from device.perception.load import load_perception
from device.perception.offline.gallery import Outcome, Step, clear, index_folder
from device.settings.load import load
from device.settings.schema import Settings
from device.system.terminal import printable

_FIVE = 5
_EVERY_S = 5.0


def run(arguments: argparse.Namespace) -> int:
    """Index, clear or tell. Raises MediaError when a folder has no picture that can be used."""
    settings = load(arguments.settings)
    if arguments.clear:
        gone = clear(settings)
        print(json.dumps({"removed": gone}) if arguments.json else f"{gone} pictures removed; the drawn faces answer.")
        return 0
    progress = _Progress(quiet=arguments.json)
    if arguments.folder:
        index: Index | None = index_folder(
            arguments.folder, load_perception(settings), settings, progress.tell, crop=arguments.crop
        )
    else:
        index = read_index(picture_path(settings.state_dir), Index)
    said = _summary(index)
    if arguments.folder:
        said |= progress.summary()
    print(json.dumps(said) if arguments.json else _words(said, settings))
    return 0


@dataclass
class _Progress:
    """Tells each file that cannot be used, and now and then how far it is."""

    quiet: bool
    counts: Counter[Outcome] = field(default_factory=Counter)
    broken: list[dict[str, str]] = field(default_factory=list)
    began_s: float = field(default_factory=time.monotonic)
    told_s: float = field(default_factory=time.monotonic)

    def tell(self, step: Step) -> None:
        self.counts[step.outcome] += 1
        if step.outcome is Outcome.BROKEN:
            self.broken.append({"path": step.source, "error": step.error})
        if not self.quiet and step.outcome in {Outcome.BROKEN, Outcome.NO_FACE}:
            print(printable(step.error or f"{step.source}: no face found"), flush=True)
        now_s = time.monotonic()
        if now_s - self.told_s >= _EVERY_S:
            self.told_s = now_s
            left_s = (now_s - self.began_s) / step.done * (step.of - step.done)
            print(f"{step.done} of {step.of} pictures, about {left_s:.0f} s more", file=sys.stderr, flush=True)

    def summary(self) -> dict[str, Any]:
        names = {outcome.value.replace(" ", "_"): self.counts[outcome] for outcome in Outcome}
        return names | {"errors": self.broken}


def _summary(index: Index | None) -> dict[str, Any]:
    # The same picture in two places is one thumbnail.
    emotions = Counter({p.name: p.emotion for p in index.pictures}.values() if index else ())
    return {
        "folder": index.folder if index else None,
        "pictures": emotions.total(),
        "emotions": {emotion.value: emotions[emotion] for emotion in EMOTIONS},
        "under_five": [emotion.value for emotion in EMOTIONS if emotions[emotion] < _FIVE],
    }


def _words(said: dict[str, Any], settings: Settings) -> str:
    lines = []
    if "read" in said:
        lines.append(
            f"{said['read']} read, {said['unchanged']} unchanged, {said['no_face']} without a face, "
            f"{said['broken']} broken."
        )
    if said["folder"] is None:
        return "No pictures: the drawn faces answer. Index a folder of faces with: mien gallery FOLDER"
    if said.get("no_face", 0) > said["pictures"]:
        lines.append("If these pictures are faces from border to border, say --crop.")
    lines.append(
        f"{said['pictures']} pictures of {printable(said['folder'])}, "
        f"kept in {picture_path(settings.state_dir).parent}:"
    )
    lines += [f"  {emotion:9}{count:6}" for emotion, count in said["emotions"].items()]
    if said["under_five"]:
        lines.append(f"Under five, so filled up with drawn faces: {', '.join(said['under_five'])}.")
    return "\n".join(lines)
