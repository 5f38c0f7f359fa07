"""`python -m convert train NETWORK`."""

import hashlib
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from convert import arguments as types
from convert.face.plan import PLANS
from convert.training.plan import Plan
from convert.voice.protocols import PROSODY_RUNS, RUNS
from device.errors import ModelError, SettingsError

if TYPE_CHECKING:
    from convert.training.loop import Task

P = TypeVar("P", bound=Plan)

_FACE_OPTIONS = ("calm_from", "start", "teachers", "ferplus_teachers", "taught", "hard", "labels", "sharp")


def _override(plan: P, arguments: Namespace) -> P:
    """`plan` with those of its fields that are given on the command line."""
    given = {field.name: getattr(arguments, field.name, None) for field in fields(plan)}
    return replace(plan, **{name: value for name, value in given.items() if value is not None})


def _build_face(arguments: Namespace, out: Path) -> "tuple[Task, Plan]":
    from convert.face.distillation import hash_teachers
    from convert.face.task import face_task

    teachers = (arguments.teachers, arguments.ferplus_teachers)
    plan = replace(
        _override(PLANS[arguments.network], arguments),
        start=_hash_weights(arguments.start) if arguments.start else "",
        teacher=" ".join(hash_teachers(folders) for folders in teachers if folders),
    )
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


def _build_voice(arguments: Namespace, _out: Path) -> "tuple[Task, Plan]":
    from convert.voice.task import voice_plan, voice_task

    run = RUNS[arguments.network]
    plan = _override(voice_plan(run), arguments)
    return voice_task(arguments.data, plan, arguments.rows, run=run), plan


def _build_prosody(arguments: Namespace, _out: Path) -> "tuple[Task, Plan]":
    from convert.voice.prosody_task import prosody_plan, prosody_task

    run = PROSODY_RUNS[arguments.network]
    plan = _override(prosody_plan(run), arguments)
    return prosody_task(arguments.data, plan, arguments.rows, run=run), plan


NETWORKS: "dict[str, Callable[[Namespace, Path], tuple[Task, Plan]]]" = {
    **dict.fromkeys(PLANS, _build_face),
    **dict.fromkeys(RUNS, _build_voice),
    **dict.fromkeys(PROSODY_RUNS, _build_prosody),
}
"""By network, the function that builds its task: (arguments, run folder) -> task and plan."""


def add_arguments(parser: ArgumentParser) -> None:
    """Add the step's arguments."""
    parser.add_argument("network", choices=NETWORKS)
    types.add_data(parser)
    parser.add_argument("--out", type=types.folder, help="run folder (default: runs/NETWORK)")
    parser.add_argument("--epochs", type=types.positive_int)
    parser.add_argument("--learning-rate", type=types.positive, help="the peak of the one-cycle schedule")
    parser.add_argument("--seed", type=types.non_negative_int)
    parser.add_argument("--batch", type=types.batch_size)
    parser.add_argument("--threads", type=types.non_negative_int, help="CPU threads; 0 leaves the number to PyTorch")
    types.add_rows(parser)
    faces = parser.add_argument_group("options of the face networks")
    faces.add_argument(
        "--calm-from", type=types.share, help="share of epochs after which faces are augmented less (0.7)"
    )
    faces.add_argument("--start", type=Path, help="run folder, .tflite or (for a teacher) .json to start from")
    faces.add_argument(
        "--teachers", type=Path, nargs="+", default=[], help="run folders or .tflite of face networks to distill"
    )
    faces.add_argument(
        "--ferplus-teachers", type=Path, nargs="+", default=[], help="other teachers for the FER+ head, as --teachers"
    )
    faces.add_argument("--taught", type=types.share, help="share of the teachers' probabilities in the target (0.7)")
    faces.add_argument("--hard", type=types.share, help="share of the published label beside the votes (0.5)")
    faces.add_argument("--labels", type=types.finite, help="weight of FER2013's labels beside FER+'s (1; 0: FER+ only)")
    faces.add_argument("--sharp", type=types.finite, help="exponent on the shares of FER+'s votes (1)")


def run(arguments: Namespace) -> None:
    """Train the network and print its best score."""
    options = () if arguments.network in PLANS else _FACE_OPTIONS
    given = [f"--{name.replace('_', '-')}" for name in options if getattr(arguments, name) not in (None, [])]
    if given:
        raise SettingsError(f"train {arguments.network}: {', '.join(given)}: for face networks only; leave it out")
    import torch

    from convert.training.loop import keep_freed_memory, train

    keep_freed_memory()
    if arguments.threads:
        # Set now: teachers run and clips are analysed before the first epoch.
        torch.set_num_threads(arguments.threads)
    out = arguments.out or Path("runs") / arguments.network
    task, plan = NETWORKS[arguments.network](arguments, out)
    best = train(task, plan, out)
    print(f"{arguments.network}: best validation score {best:.2f}; weights in {out}/best.pt")


def _hash_weights(path: Path) -> str:
    try:
        if path.is_dir():
            path /= "best.pt"
        elif path.suffix == ".json":  # its weights are in the .bin beside it
            path = path.with_suffix(".bin")
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror})") from error
