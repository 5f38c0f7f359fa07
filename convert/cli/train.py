"""`python -m convert train NETWORK`: its options, and the task and plan that they make."""

import argparse
import hashlib
from dataclasses import replace
from pathlib import Path

from convert.cli.arguments import count, count_or_none, finite, folder, positive, several, share
from device.errors import ModelError, SettingsError

_FACES_ALONE = ("calm_from", "start", "teachers", "ferplus_teachers", "taught", "hard", "labels", "sharp")


def _networks() -> list[str]:
    """All that can be trained."""
    from convert.voice.protocols import PROSODY_RUNS, RUNS

    teachers = [*(f"face-teacher-{number}" for number in range(1, 6)), "face-teacher-pretrained"]
    return ["face", "face-as-published", *teachers, *RUNS, *PROSODY_RUNS]


def train_options(step: argparse.ArgumentParser, data: Path) -> None:
    """Give `step` its options; `data` is where the datasets are if nothing else is said."""
    step.set_defaults(run=_train)
    step.add_argument("network", choices=_networks())
    step.add_argument("--data", type=Path, default=data, help="folder of the datasets (default: %(default)s)")
    step.add_argument("--out", type=folder, help="run folder (default: runs/NETWORK)")
    step.add_argument("--epochs", type=count)
    step.add_argument("--learning-rate", type=positive, help="the highest; it rises to it and falls from it")
    step.add_argument("--calm-from", type=share, help="share of the epochs after which faces are changed less (0.7)")
    step.add_argument(
        "--start",
        type=Path,
        help="a face network's run folder, .tflite or (a teacher's) .json to go on from",
    )
    step.add_argument(
        "--teachers",
        type=Path,
        nargs="+",
        default=[],
        help="run folders or .tflite of face networks, whose answers are learnt",
    )
    step.add_argument(
        "--ferplus-teachers",
        type=Path,
        nargs="+",
        default=[],
        help="such as --teachers, whose answers are learnt for FER+'s part in place of these",
    )
    step.add_argument("--taught", type=share, help="share of these answers in what is learnt (0.7)")
    step.add_argument("--hard", type=share, help="share of a face's published label beside its votes (0.5)")
    step.add_argument("--labels", type=finite, help="weight of FER2013's labels beside the votes (1; 0: votes alone)")
    step.add_argument("--sharp", type=finite, help="power that the shares of FER+'s votes are raised to (1)")
    step.add_argument("--seed", type=count_or_none)
    step.add_argument("--batch", type=several)
    step.add_argument("--threads", type=count_or_none, help="of the CPU; 0 leaves it to PyTorch")
    step.add_argument("--rows", type=count, help="only so many rows, for a quick check of the whole way")


def _train(arguments: argparse.Namespace) -> None:
    import torch

    from convert.training.loop import keep_freed_memory, train

    name, runs = arguments.network, Path("runs")
    if not name.startswith("face"):
        _for_faces_alone(arguments)
    keep_freed_memory()
    if arguments.threads:
        # From here on: teachers are asked, and clips are measured, before the first epoch.
        torch.set_num_threads(arguments.threads)
    asked = {
        "epochs": arguments.epochs,
        "threads": arguments.threads,
        "batch": arguments.batch,
        "learning_rate": arguments.learning_rate,
        "calm_from": arguments.calm_from,
        "start": _sha256(arguments.start),
        "teacher": _sha256_of_teachers(arguments.teachers, arguments.ferplus_teachers),
        "taught": arguments.taught,
        "hard": arguments.hard,
        "labels": arguments.labels,
        "sharp": arguments.sharp,
        "seed": arguments.seed,
        "rows": arguments.rows,
    }
    given = {key: value for key, value in asked.items() if value is not None}
    out = arguments.out or runs / name
    if name.startswith("voice"):
        from convert.voice.protocols import RUNS
        from convert.voice.task import voice_plan, voice_task

        plan = replace(voice_plan(RUNS[name]), **given)
        task = voice_task(arguments.data, plan, arguments.rows, run=RUNS[name])
    elif name.startswith("prosody"):
        from convert.voice.prosody_task import prosody_plan, prosody_task
        from convert.voice.protocols import PROSODY_RUNS

        plan = replace(prosody_plan(PROSODY_RUNS[name]), **given)
        task = prosody_task(arguments.data, plan, arguments.rows, run=PROSODY_RUNS[name])
    else:
        from convert.face import task as train_face

        seeds = {teacher: number for number, teacher in enumerate(train_face.TEACHERS, start=1)}
        plan = train_face.PRETRAINED_PLAN if name == train_face.PRETRAINED else train_face.PLAN
        plan = replace(train_face.TEACHER_PLAN, seed=seeds[name]) if name in seeds else plan
        plan = replace(plan, **given)
        task = train_face.face_task(
            arguments.data,
            plan,
            arguments.rows,
            name=name,
            as_published=name == "face-as-published",
            start=arguments.start,
            teachers=arguments.teachers,
            ferplus_teachers=arguments.ferplus_teachers,
            kept=out.parent,
        )
    best = train(task, plan, out)
    print(f"{arguments.network}: best validation score {best:.2f}; weights in {out}/best.pt")


def _for_faces_alone(arguments: argparse.Namespace) -> None:
    given = [option for option in _FACES_ALONE if getattr(arguments, option) not in (None, [])]
    if given:
        options = ", ".join(f"--{option.replace('_', '-')}" for option in given)
        raise SettingsError(f"train {arguments.network}: {options}: for faces alone; leave it out")


def _sha256(path: Path | None) -> str | None:
    try:
        if path is None:
            return None
        if path.is_dir():
            path /= "best.pt"
        elif path.suffix == ".json":  # its weights lie beside it
            path = path.with_suffix(".bin")
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror})") from error


def _sha256_of_teachers(*sets: list[Path]) -> str | None:
    from convert.face.distillation import file_sha256

    return " ".join(file_sha256(folders) for folders in sets if folders) or None
