"""`python -m convert train NETWORK`."""

import hashlib
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convert.cli.arguments import (
    add_data,
    add_rows,
    batch_size,
    finite,
    folder,
    non_negative_int,
    positive,
    positive_int,
    share,
)
from convert.face.plan import PLANS
from convert.voice.protocols import PROSODY_RUNS, RUNS
from device.errors import ModelError, SettingsError

if TYPE_CHECKING:
    from convert.training.loop import Task
    from convert.training.plan import Plan

HELP = "train a network, resuming an interrupted run"
_PLAN_OPTIONS = ("epochs", "batch", "learning_rate", "seed", "threads", "rows")
_FACE_PLAN_OPTIONS = ("calm_from", "taught", "hard", "labels", "sharp")
_FACE_OPTIONS = ("calm_from", "start", "teachers", "ferplus_teachers", "taught", "hard", "labels", "sharp")


@dataclass(frozen=True)
class _Network:
    """How a network's task is built: (arguments, the plan's fields that were given, run folder) -> task and plan."""

    build: "Callable[[Namespace, dict[str, Any], Path], tuple[Task, Plan]]"
    plan_options: tuple[str, ...] = ()
    """The fields of its plan beside _PLAN_OPTIONS."""
    options: tuple[str, ...] = ()
    """The options of the command line that this kind of network alone takes."""


def _build_face(arguments: Namespace, given: dict[str, Any], out: Path) -> "tuple[Task, Plan]":
    from convert.face.distillation import hash_teachers
    from convert.face.task import face_task

    teachers = (arguments.teachers, arguments.ferplus_teachers)
    hashes: dict[str, Any] = {
        "start": _hash_weights(arguments.start) if arguments.start else "",
        "teacher": " ".join(hash_teachers(folders) for folders in teachers if folders),
    }
    plan = replace(PLANS[arguments.network], **{**given, **hashes})
    task = face_task(
        arguments.data,
        plan,
        arguments.rows,
        name=arguments.network,
        as_published=arguments.network == "face-as-published",
        start=arguments.start,
        teachers=arguments.teachers,
        ferplus_teachers=arguments.ferplus_teachers,
        cache=out.parent,
    )
    return task, plan


def _build_voice(arguments: Namespace, given: dict[str, Any], _out: Path) -> "tuple[Task, Plan]":
    from convert.voice.task import voice_plan, voice_task

    run = RUNS[arguments.network]
    plan = replace(voice_plan(run), **given)
    return voice_task(arguments.data, plan, arguments.rows, run=run), plan


def _build_prosody(arguments: Namespace, given: dict[str, Any], _out: Path) -> "tuple[Task, Plan]":
    from convert.voice.prosody_task import prosody_plan, prosody_task

    run = PROSODY_RUNS[arguments.network]
    plan = replace(prosody_plan(run), **given)
    return prosody_task(arguments.data, plan, arguments.rows, run=run), plan


NETWORKS = {
    **dict.fromkeys(PLANS, _Network(_build_face, _FACE_PLAN_OPTIONS, _FACE_OPTIONS)),
    **dict.fromkeys(RUNS, _Network(_build_voice)),
    **dict.fromkeys(PROSODY_RUNS, _Network(_build_prosody)),
}
"""Everything that can be trained, by name."""


def add_arguments(parser: ArgumentParser) -> None:
    """Add the step's arguments."""
    parser.add_argument("network", choices=NETWORKS)
    add_data(parser)
    parser.add_argument("--out", type=folder, help="run folder (default: runs/NETWORK)")
    parser.add_argument("--epochs", type=positive_int)
    parser.add_argument("--learning-rate", type=positive, help="the peak of the one-cycle schedule")
    parser.add_argument("--seed", type=non_negative_int)
    parser.add_argument("--batch", type=batch_size)
    parser.add_argument("--threads", type=non_negative_int, help="CPU threads; 0 leaves the number to PyTorch")
    add_rows(parser)
    faces = parser.add_argument_group("options of the face networks")
    faces.add_argument("--calm-from", type=share, help="share of the epochs after which faces are augmented less (0.7)")
    faces.add_argument("--start", type=Path, help="run folder, .tflite or (for a teacher) .json to start from")
    faces.add_argument(
        "--teachers", type=Path, nargs="+", default=[], help="run folders or .tflite of face networks to distill"
    )
    faces.add_argument(
        "--ferplus-teachers", type=Path, nargs="+", default=[], help="other teachers for the FER+ head, as --teachers"
    )
    faces.add_argument("--taught", type=share, help="share of the teachers' probabilities in the target (0.7)")
    faces.add_argument("--hard", type=share, help="share of the published label beside the votes (0.5)")
    faces.add_argument("--labels", type=finite, help="weight of FER2013's labels beside FER+'s (1; 0: FER+ only)")
    faces.add_argument("--sharp", type=finite, help="exponent on the shares of FER+'s votes (1)")


def run(arguments: Namespace) -> None:
    """Train the network and print its best score."""
    network = NETWORKS[arguments.network]
    _refuse_other_options(arguments, network)
    import torch

    from convert.training.loop import keep_freed_memory, train

    keep_freed_memory()
    if arguments.threads:
        # Set now: teachers run and clips are analysed before the first epoch.
        torch.set_num_threads(arguments.threads)
    options = {name: getattr(arguments, name) for name in (*_PLAN_OPTIONS, *network.plan_options)}
    given = {name: value for name, value in options.items() if value is not None}
    out = arguments.out or Path("runs") / arguments.network
    task, plan = network.build(arguments, given, out)
    best = train(task, plan, out)
    print(f"{arguments.network}: best validation score {best:.2f}; weights in {out}/best.pt")


def _refuse_other_options(arguments: Namespace, network: _Network) -> None:
    others = [name for name in _FACE_OPTIONS if name not in network.options]
    given = [f"--{name.replace('_', '-')}" for name in others if getattr(arguments, name) not in (None, [])]
    if given:
        raise SettingsError(f"train {arguments.network}: {', '.join(given)}: for face networks only; leave it out")


def _hash_weights(path: Path) -> str:
    try:
        if path.is_dir():
            path /= "best.pt"
        elif path.suffix == ".json":  # its weights are in the .bin beside it
            path = path.with_suffix(".bin")
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror})") from error
