"""`python -m convert train face|voice`, `quantize`, `evaluate`: from a dataset to a model pair on the device."""

import argparse
import hashlib
import sys
from dataclasses import replace
from pathlib import Path

from device.errors import MienError, ModelError

MODELS = Path(__file__).parents[1] / "device" / "models"
DATA = Path(__file__).parents[2] / "shared" / "data"


def _networks() -> list[str]:
    from convert.voices.protocols import PROSODY_RUNS, RUNS

    teachers = [*(f"face-teacher-{number}" for number in range(1, 6)), "face-teacher-pretrained"]
    return ["face", "face-as-published", *teachers, *RUNS, *PROSODY_RUNS]


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
    from convert.faces.lessons import sha256_of

    return " ".join(sha256_of(folders) for folders in sets if folders) or None


def _train(arguments: argparse.Namespace) -> None:
    import torch

    from convert.training import keep_freed_memory, train

    keep_freed_memory()
    if arguments.threads:
        # From here on: teachers are asked, and clips are measured, before the first epoch.
        torch.set_num_threads(arguments.threads)
    name, runs = arguments.network, Path("runs")
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
    }
    given = {key: value for key, value in asked.items() if value is not None}
    out = arguments.out or runs / name
    if name.startswith("voice"):
        from convert.voices.protocols import RUNS
        from convert.voices.train import voice_plan, voice_task

        plan = replace(voice_plan(RUNS[name]), **given)
        task = voice_task(arguments.data, plan, arguments.rows, run=RUNS[name])
    elif name.startswith("prosody"):
        from convert.voices.protocols import PROSODY_RUNS
        from convert.voices.train_prosody import prosody_plan, prosody_task

        plan = replace(prosody_plan(PROSODY_RUNS[name]), **given)
        task = prosody_task(arguments.data, plan, arguments.rows, run=PROSODY_RUNS[name])
    else:
        from convert.faces import train as train_face

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


def _quantize(arguments: argparse.Namespace) -> None:
    if arguments.network.startswith("face"):
        from convert.faces.quantize import quantize
    else:
        from convert.voices.quantize import quantize

    run = arguments.run_folder or Path("runs") / arguments.network
    for title, value in quantize(arguments.network, run, arguments.data, arguments.out, arguments.rows).items():
        print(f"{title}: {value:.2f}")


def _distances(arguments: argparse.Namespace) -> None:
    from convert.voices.distance import measure

    for line in measure(arguments.data, arguments.models, arguments.answers):
        print(line)


def _pair(arguments: argparse.Namespace) -> None:
    from convert.voices.pairing import pair_up

    found = pair_up(arguments.models, arguments.answers)
    for words, powers in (("strangers", found.strangers), ("heard before", found.known)):
        for where, (picture, prosody) in (("near", powers.near), ("far", powers.far)):
            print(f"{words}, {where}: picture to the power of {picture}, prosody of {prosody}")
    print(f"half near, half far: at a distance of {found.half_at}")


def _benchmark(arguments: argparse.Namespace) -> None:
    from convert.voices.benchmark import benchmark
    from convert.voices.protocols import PROSODY_RUNS, RUNS, WORD_RUNS

    every = [name for name in {**RUNS, **PROSODY_RUNS, **WORD_RUNS} if name not in ("voice", "prosody")]
    for name in arguments.names or every:
        for written in benchmark(name, arguments.data, Path("runs"), arguments.out, arguments.rows):
            print(written)


def _evaluate(arguments: argparse.Namespace) -> None:
    from convert.report.page import write

    print(write(arguments.data, arguments.models))


def _compare(arguments: argparse.Namespace) -> None:
    from convert.compare import compare

    page = compare(
        arguments.data,
        arguments.out,
        arguments.only,
        minutes=arguments.minutes,
        rows=arguments.rows,
        page=arguments.page,
        vggish=arguments.vggish,
    )
    print(page)


def _framing(arguments: argparse.Namespace) -> None:
    from convert.faces.framing import framing

    print(framing(arguments.data))


def _reach(arguments: argparse.Namespace) -> None:
    from convert.looking.reach import reach

    print(reach(arguments.data, seed=arguments.seed))


def _looking(arguments: argparse.Namespace) -> None:
    from convert.looking.following import looking

    print(looking(arguments.data))


def _rehearse(arguments: argparse.Namespace) -> None:
    from convert.rehearse import rehearse

    source = rehearse(arguments.steps)
    if arguments.write:
        (MODELS.parent / "sense" / "stand_in" / "roles.py").write_text(source)


def _train_options(step: argparse.ArgumentParser) -> None:
    step.set_defaults(run=_train)
    step.add_argument("network", choices=_networks())
    step.add_argument("--data", type=Path, default=DATA, help="folder of the datasets (default: %(default)s)")
    step.add_argument("--out", type=Path, help="run folder (default: runs/NETWORK)")
    step.add_argument("--epochs", type=int)
    step.add_argument("--learning-rate", type=float, help="the highest; it rises to it and falls from it")
    step.add_argument("--calm-from", type=float, help="share of the epochs after which faces are changed less (0.7)")
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
    step.add_argument("--taught", type=float, help="share of these answers in what is learnt (0.7)")
    step.add_argument("--hard", type=float, help="share of a face's published label beside its votes (0.5)")
    step.add_argument("--labels", type=float, help="weight of FER2013's labels beside FER+'s votes (1; 0: votes alone)")
    step.add_argument("--sharp", type=float, help="power that the shares of FER+'s votes are raised to (1)")
    step.add_argument("--seed", type=int)
    step.add_argument("--batch", type=int)
    step.add_argument("--threads", type=int)
    step.add_argument("--rows", type=int, help="only so many rows, for a quick check of the whole way")


def _voice_steps(steps: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    step = steps.add_parser("distances", help="measure how far clips lie from what the voice networks learnt from")
    step.set_defaults(run=_distances)
    step.add_argument("--data", type=Path, default=DATA)
    step.add_argument("--models", type=Path, default=MODELS)
    step.add_argument("--answers", type=Path, default=Path("docs/answers"))
    step = steps.add_parser("pair", help="fit, on the kept answers, to what powers the voice networks are multiplied")
    step.set_defaults(run=_pair)
    step.add_argument("--models", type=Path, default=MODELS)
    step.add_argument("--answers", type=Path, default=Path("docs/answers"))
    step = steps.add_parser("benchmark", help="ask the trained networks of the voice protocols; keep what they say")
    step.set_defaults(run=_benchmark)
    step.add_argument("names", nargs="*", help="runs (default: all)")
    step.add_argument("--data", type=Path, default=DATA)
    step.add_argument("--out", type=Path, default=Path("docs/answers"))
    step.add_argument("--rows", type=int)


def main() -> int:
    """Run the named step; 1 and one line on a MienError."""
    parser = argparse.ArgumentParser(prog="python -m convert", description=__doc__)
    steps = parser.add_subparsers(required=True)
    step = steps.add_parser("train", help="train a network, resuming a run that was cut off")
    _train_options(step)
    step = steps.add_parser("quantize", help="run folder -> int8 .tflite and its card, measured on the test split")
    step.set_defaults(run=_quantize)
    step.add_argument("network", choices=["face", "face-as-published", "voice", "prosody"])
    step.add_argument("--run", dest="run_folder", type=Path, help="run folder (default: runs/NETWORK)")
    step.add_argument("--data", type=Path, default=DATA)
    step.add_argument("--out", type=Path, default=MODELS, help="folder of the pair (default: %(default)s)")
    step.add_argument("--rows", type=int, help="only so many rows, for a quick check of the whole way")
    _voice_steps(steps)
    step = steps.add_parser("evaluate", help="ask the committed networks about their test sets; write docs/REPORT.md")
    step.set_defaults(run=_evaluate)
    step.add_argument("--data", type=Path, default=DATA)
    step.add_argument("--models", type=Path, default=MODELS)
    step = steps.add_parser("compare", help="train the earlier projects' recipes, table and pictures of all of them")
    step.set_defaults(run=_compare)
    step.add_argument("--only", nargs="+", metavar="RECIPE", help="train just these; the others as they stand")
    step.add_argument("--data", type=Path, default=DATA)
    step.add_argument("--out", type=Path, default=Path("runs/compare"), help="run folder (default: %(default)s)")
    step.add_argument("--page", type=Path, default=Path("docs/compare"), help="where the page goes (%(default)s)")
    step.add_argument("--minutes", type=float, help="begin no further recipe after so many")
    step.add_argument("--rows", type=int, help="only so many rows, for a quick check of the whole way")
    step.add_argument("--vggish", type=Path, help="VGGish's published weights as a PyTorch state dict")
    step = steps.add_parser("framing", help="how FER2013 frames a face, and what detection and alignment cost")
    step.set_defaults(run=_framing)
    step.add_argument("--data", type=Path, default=DATA)
    step = steps.add_parser("reach", help="how far faces are found, and how often where nobody is")
    step.set_defaults(run=_reach)
    step.add_argument("--data", type=Path, default=DATA)
    step.add_argument("--seed", type=int, default=1, help="of the empty rooms (%(default)s)")
    step = steps.add_parser("looking", help="what following, instead of looking at every frame, costs in accuracy")
    step.set_defaults(run=_looking)
    step.add_argument("--data", type=Path, default=DATA)
    step = steps.add_parser("rehearse", help="find the stand-in's poses and prosodies anew, for new networks")
    step.set_defaults(run=_rehearse)
    step.add_argument("--steps", type=int, default=150)
    step.add_argument("--write", action="store_true", help="write device/sense/stand_in/roles.py")
    arguments = parser.parse_args()
    try:
        arguments.run(arguments)
    except MienError as error:
        print(f"convert: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
