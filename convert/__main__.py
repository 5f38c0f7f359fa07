"""`python -m convert train face|voice`, `quantize`, `evaluate`: from a dataset to a model pair on the device."""

import argparse
import sys
from pathlib import Path

from convert.cli.arguments import count, count_or_none, folder, need_whole, place, positive
from convert.cli.train import train_options
from device.errors import MienError

MODELS = Path(__file__).parents[1] / "device" / "models"
DATA = Path(__file__).parents[2] / "shared" / "data"
ANSWERS = Path("docs/answers")
PAGE = Path("docs/compare")


def _quantize(arguments: argparse.Namespace) -> None:
    if arguments.network.startswith("face"):
        from convert.face.quantize import quantize
    else:
        from convert.voice.quantize import quantize

    run = arguments.run_folder or Path("runs") / arguments.network
    out = place(arguments.out, MODELS, arguments.rows)
    need_whole(run, out, MODELS)
    for title, value in quantize(arguments.network, run, arguments.data, out, arguments.rows).items():
        print(f"{title}: {value:.2f}")
    if arguments.rows is not None:
        print(f"{arguments.network}: a quick check, written to {out}")


def _distances(arguments: argparse.Namespace) -> None:
    from convert.voice.novelty import measure

    for line in measure(arguments.data, arguments.models, arguments.answers):
        print(line)


def _pair(arguments: argparse.Namespace) -> None:
    from convert.voice.ensemble_weights import pair_up

    found = pair_up(arguments.models, arguments.answers)
    for words, powers in (("strangers", found.strangers), ("heard before", found.known)):
        for where, (picture, prosody) in (("near", powers.near), ("far", powers.far)):
            print(f"{words}, {where}: picture to the power of {picture}, prosody of {prosody}")
    print(f"half near, half far: at a distance of {found.half_at}")


def _benchmark(arguments: argparse.Namespace) -> None:
    from convert.voice.benchmark import benchmark
    from convert.voice.protocols import PROSODY_RUNS, RUNS, WORD_RUNS

    every = [name for name in {**RUNS, **PROSODY_RUNS, **WORD_RUNS} if name not in ("voice", "prosody")]
    out = place(arguments.out, ANSWERS, arguments.rows)
    for name in arguments.names or every:
        for written in benchmark(name, arguments.data, Path("runs"), out, arguments.rows):
            print(written)


def _evaluate(arguments: argparse.Namespace) -> None:
    from convert.report.page import write

    print(write(arguments.data, arguments.models))


def _compare(arguments: argparse.Namespace) -> None:
    from convert.reproduce import compare

    page = compare(
        arguments.data,
        arguments.out,
        arguments.only,
        minutes=arguments.minutes,
        rows=arguments.rows,
        page=place(arguments.page, PAGE, arguments.rows),
        vggish=arguments.vggish,
    )
    print(page)


def _framing(arguments: argparse.Namespace) -> None:
    from convert.face.framing import framing

    print(framing(arguments.data))


def _reach(arguments: argparse.Namespace) -> None:
    from convert.evaluation.detection_range import reach

    print(reach(arguments.data, seed=arguments.seed))


def _looking(arguments: argparse.Namespace) -> None:
    from convert.evaluation.tracking_cost import looking

    print(looking(arguments.data))


def _rehearse(arguments: argparse.Namespace) -> None:
    from convert.simulator import rehearse

    source = rehearse(arguments.steps)
    if arguments.write:
        (MODELS.parent / "sense" / "simulator" / "poses.py").write_text(source)


def _voice_steps(steps: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    step = steps.add_parser("distances", help="measure how far clips lie from what the voice networks learnt from")
    step.set_defaults(run=_distances)
    step.add_argument("--data", type=Path, default=DATA)
    step.add_argument("--models", type=Path, default=MODELS)
    step.add_argument("--answers", type=Path, default=ANSWERS)
    step = steps.add_parser("pair", help="fit, on the kept answers, to what powers the voice networks are multiplied")
    step.set_defaults(run=_pair)
    step.add_argument("--models", type=Path, default=MODELS)
    step.add_argument("--answers", type=Path, default=ANSWERS)
    step = steps.add_parser("benchmark", help="ask the trained networks of the voice protocols; keep what they say")
    step.set_defaults(run=_benchmark)
    step.add_argument("names", nargs="*", help="runs (default: all)")
    step.add_argument("--data", type=Path, default=DATA)
    step.add_argument("--out", type=folder, help=f"folder of the answers ({ANSWERS}; with --rows runs/quick/answers)")
    step.add_argument("--rows", type=count, help="only so many clips, for a quick check of the whole way")


def main() -> int:
    """Run the named step; 1 and one line on a MienError."""
    parser = argparse.ArgumentParser(prog="python -m convert", description=__doc__)
    steps = parser.add_subparsers(required=True)
    step = steps.add_parser("train", help="train a network, resuming a run that was cut off")
    train_options(step, DATA)
    step = steps.add_parser("quantize", help="run folder -> int8 .tflite and its card, measured on the test split")
    step.set_defaults(run=_quantize)
    step.add_argument("network", choices=["face", "face-as-published", "voice", "prosody"])
    step.add_argument("--run", dest="run_folder", type=Path, help="run folder (default: runs/NETWORK)")
    step.add_argument("--data", type=Path, default=DATA)
    step.add_argument("--out", type=folder, help=f"folder of the pair ({MODELS}; with --rows runs/quick/models)")
    step.add_argument("--rows", type=count, help="only so many rows, for a quick check of the whole way")
    _voice_steps(steps)
    step = steps.add_parser("evaluate", help="ask the committed networks about their test sets; write docs/REPORT.md")
    step.set_defaults(run=_evaluate)
    step.add_argument("--data", type=Path, default=DATA)
    step.add_argument("--models", type=Path, default=MODELS)
    step = steps.add_parser("compare", help="train the earlier projects' recipes, table and pictures of all of them")
    step.set_defaults(run=_compare)
    step.add_argument("--only", nargs="+", metavar="RECIPE", help="train just these; the others as they stand")
    step.add_argument("--data", type=Path, default=DATA)
    step.add_argument("--out", type=folder, default=Path("runs/compare"), help="run folder (default: %(default)s)")
    step.add_argument("--page", type=folder, help=f"where the page goes ({PAGE}; with --rows runs/quick/compare)")
    step.add_argument("--minutes", type=positive, help="begin no further recipe after so many")
    step.add_argument("--rows", type=count, help="only so many rows, for a quick check of the whole way")
    step.add_argument("--vggish", type=Path, help="VGGish's published weights as a PyTorch state dict")
    step = steps.add_parser("framing", help="how FER2013 frames a face, and what detection and alignment cost")
    step.set_defaults(run=_framing)
    step.add_argument("--data", type=Path, default=DATA)
    step = steps.add_parser("reach", help="how far faces are found, and how often where nobody is")
    step.set_defaults(run=_reach)
    step.add_argument("--data", type=Path, default=DATA)
    step.add_argument("--seed", type=count_or_none, default=1, help="of the empty rooms (%(default)s)")
    step = steps.add_parser("looking", help="what following, instead of looking at every frame, costs in accuracy")
    step.set_defaults(run=_looking)
    step.add_argument("--data", type=Path, default=DATA)
    step = steps.add_parser("rehearse", help="find the stand-in's poses and prosodies anew, for new networks")
    step.set_defaults(run=_rehearse)
    step.add_argument("--steps", type=count, default=150)
    step.add_argument("--write", action="store_true", help="write device/sense/simulator/poses.py")
    arguments = parser.parse_args()
    try:
        arguments.run(arguments)
    except MienError as error:
        print(f"convert: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
