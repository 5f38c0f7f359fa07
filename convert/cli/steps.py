"""The steps: help, arguments and what each runs; training is in `train`. A step's modules are imported when it runs."""

from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

from convert import arguments as types
from convert.arguments import MODELS, add_data, add_rows, folder, output_folder, require_full_run
from convert.cli import train
from convert.evaluation.predictions import SAVED_PREDICTIONS

_QUANTIZED = {"face": "face", "face-as-published": "face", "voice": "voice", "prosody": "voice"}
"""The folder that each network's `quantize` writes to."""
_PAGE = Path("docs/compare")


def _add_quantize(parser: ArgumentParser) -> None:
    parser.add_argument("network", choices=_QUANTIZED)
    parser.add_argument("--run", dest="run_folder", type=Path, help="run folder (default: runs/NETWORK)")
    add_data(parser)
    parser.add_argument("--out", type=folder, help=f"folder of the pair ({MODELS}; with --rows runs/quick/models)")
    add_rows(parser)


def _quantize(arguments: Namespace) -> None:
    network, rows = arguments.network, arguments.rows
    quantize = import_module(f"convert.{_QUANTIZED[network]}.quantize").quantize
    run_folder = arguments.run_folder or Path("runs") / network
    out = output_folder(arguments.out, MODELS, rows)
    require_full_run(run_folder, out, MODELS)
    for title, value in quantize(network, run_folder, arguments.data, out, rows).items():
        print(f"{title}: {value:.2f}")
    if rows is not None:
        print(f"{network}: a quick check, written to {out}")


def _add_reproduce(parser: ArgumentParser) -> None:
    parser.add_argument("network", choices=["face"])
    add_data(parser)
    parser.add_argument(
        "--runs", type=folder, help="folder of the run folders (runs/face-stages; with --rows runs/quick)"
    )
    parser.add_argument("--out", type=folder, help=f"folder of the pair (RUNS/models; {MODELS} ships it)")
    parser.add_argument(
        "--from-nothing", action="store_true", help="start from random weights, not a committed network"
    )
    parser.add_argument("--list", action="store_true", help="only list the stages, with the hours to expect")
    add_rows(parser)


def _reproduce(arguments: Namespace) -> None:
    import torch

    from convert.face.student.reproduce import list_stages, reproduce_face
    from convert.training.loop import keep_freed_memory

    runs = arguments.runs or Path("runs/face-stages" if arguments.rows is None else "runs/quick/face-stages")
    if arguments.list:
        print("\n".join(list_stages(runs, from_nothing=arguments.from_nothing)))
        return
    out = output_folder(arguments.out or runs / "models", MODELS, arguments.rows)
    torch.set_num_threads(1)
    keep_freed_memory()
    figures = reproduce_face(arguments.data, runs, out, arguments.rows, from_nothing=arguments.from_nothing)
    for title, value in figures.items():
        print(f"{title}: {value:.2f}")


def _add_distances(parser: ArgumentParser) -> None:
    add_data(parser)
    _add_pair(parser)


def _distances(arguments: Namespace) -> None:
    from convert.voice.novelty import measure_distances

    for line in measure_distances(arguments.data, arguments.models, arguments.predictions):
        print(line)


def _add_pair(parser: ArgumentParser) -> None:
    parser.add_argument("--models", type=Path, default=MODELS)
    parser.add_argument("--predictions", "--answers", type=Path, default=SAVED_PREDICTIONS)


def _pair(arguments: Namespace) -> None:
    from convert.voice.ensemble_weights import pair_up

    found = pair_up(arguments.models, arguments.predictions)
    for speakers, exponents in (("new speakers", found.new), ("known speakers", found.known)):
        for distance, (picture, prosody) in (("near", exponents.near), ("far", exponents.far)):
            print(f"{speakers}, {distance}: exponents {picture} for the picture, {prosody} for the prosody")
    print(f"half near, half far: at a distance of {found.half_at}")


def _add_benchmark(parser: ArgumentParser) -> None:
    parser.add_argument("names", nargs="*", help="runs (default: all)")
    add_data(parser)
    where = f"{SAVED_PREDICTIONS}; with --rows runs/quick/saved_predictions"
    parser.add_argument("--out", type=folder, help=f"folder of the predictions ({where})")
    add_rows(parser)


def _benchmark(arguments: Namespace) -> None:
    from convert.voice.benchmark import benchmark
    from convert.voice.protocols import PROSODY_RUNS, RUNS, WORD_RUNS

    benchmarks = [name for name in {**RUNS, **PROSODY_RUNS, **WORD_RUNS} if name not in ("voice", "prosody")]
    out = output_folder(arguments.out, SAVED_PREDICTIONS, arguments.rows)
    for name in arguments.names or benchmarks:
        for path in benchmark(name, arguments.data, Path("runs"), out, arguments.rows):
            print(path)


def _add_evaluate(parser: ArgumentParser) -> None:
    add_data(parser)
    parser.add_argument("--models", type=Path, default=MODELS)


def _evaluate(arguments: Namespace) -> None:
    from convert.report.page import write

    print(write(arguments.data, arguments.models))


def _add_compare(parser: ArgumentParser) -> None:
    parser.add_argument("--only", nargs="+", metavar="EXPERIMENT", help="train these; the others keep their results")
    add_data(parser)
    parser.add_argument("--out", type=folder, default=Path("runs/compare"), help="run folder (default: %(default)s)")
    parser.add_argument("--page", type=folder, help=f"folder of the page ({_PAGE}; with --rows runs/quick/compare)")
    parser.add_argument("--minutes", type=types.positive, help="start no further experiment after this time")
    add_rows(parser)
    parser.add_argument("--vggish", type=Path, help="VGGish's published weights as a PyTorch state dict")


def _compare(arguments: Namespace) -> None:
    from convert.reproduce import compare

    options = {name: getattr(arguments, name) for name in ("minutes", "rows", "vggish")}
    page = output_folder(arguments.page, _PAGE, arguments.rows)
    print(compare(arguments.data, arguments.out, arguments.only, page=page, **options))


def _framing(arguments: Namespace) -> None:
    from convert.face.framing import measure_framing

    print(measure_framing(arguments.data))


def _add_detection_range(parser: ArgumentParser) -> None:
    add_data(parser)
    parser.add_argument("--seed", type=types.non_negative_int, default=1, help="seed of the empty rooms (%(default)s)")


def _detection_range(arguments: Namespace) -> None:
    from convert.evaluation.detection_range import measure_range

    print(measure_range(arguments.data, seed=arguments.seed))


def _tracking_cost(arguments: Namespace) -> None:
    from convert.evaluation.tracking_cost import compare_tracking

    print(compare_tracking(arguments.data))


def _add_ordinary_life(parser: ArgumentParser) -> None:
    add_data(parser)
    parser.add_argument("--models", type=Path, default=MODELS)
    parser.add_argument("--hours", type=types.positive_int, default=24, help="hours without a mood (%(default)s)")
    parser.add_argument("--moody-hours", type=types.positive_int, default=6, help="hours with moods (%(default)s)")
    parser.add_argument("--seed", type=types.non_negative_int, default=0, help="seed of the first hour (%(default)s)")
    parser.add_argument(
        "--half", choices=("measure", "choose"), default="measure", help="half of the people (default: %(default)s)"
    )
    parser.add_argument("--out", type=folder, help="folder of the page, its picture and its numbers (default: docs)")


def _ordinary_life(arguments: Namespace) -> None:
    from convert.ordinary_life.curve import Amount, measure_curve
    from convert.report.ordinary_life import DOCS, as_json, section, write

    amount = Amount(arguments.hours, arguments.moody_hours, arguments.seed)
    curve = measure_curve(arguments.data, amount, arguments.half, models=arguments.models)
    # Only the half on which nothing was chosen belongs in the report.
    if arguments.out or arguments.half == "measure":
        print(write(curve, arguments.out or DOCS))
    else:
        print(section(as_json(curve)))


def _add_simulator(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--steps", type=types.positive_int, default=150, help="tries per emotion (default: %(default)s)"
    )
    parser.add_argument("--write", action="store_true", help="write device/sense/simulator/poses.py")


def _simulator(arguments: Namespace) -> None:
    from convert.simulator import search_poses

    source = search_poses(arguments.steps)
    if arguments.write:
        (MODELS.parent / "sense" / "simulator" / "poses.py").write_text(source)


class Step(NamedTuple):
    """A step of the command line."""

    help: str
    add_arguments: Callable[[ArgumentParser], None]
    run: Callable[[Namespace], None]


STEPS = {
    "train": Step("train a network, resuming an interrupted run", train.add_arguments, train.run),
    "quantize": Step("run folder -> int8 .tflite and its card, measured on the test split", _add_quantize, _quantize),
    "reproduce": Step(
        "train the next face network from the datasets, stage by stage, resuming; then as quantize",
        _add_reproduce,
        _reproduce,
    ),
    "distances": Step(
        "measure how far clips are from the training clips of the voice networks", _add_distances, _distances
    ),
    "pair": Step("fit the exponents of the two voice networks on the saved predictions", _add_pair, _pair),
    "benchmark": Step(
        "run the networks of the voice protocols on their test clips and save the predictions",
        _add_benchmark,
        _benchmark,
    ),
    "evaluate": Step(
        "run the committed networks on their test sets and write docs/REPORT.md", _add_evaluate, _evaluate
    ),
    "compare": Step(
        "train the networks of the earlier projects; tables and plots of all of them", _add_compare, _compare
    ),
    "framing": Step("measure how FER2013 frames a face, and what detection and alignment cost", add_data, _framing),
    "detection-range": Step(
        "measure how far away faces are detected, and how often in an empty room",
        _add_detection_range,
        _detection_range,
    ),
    "tracking-cost": Step(
        "measure the accuracy that tracking costs against detection in every frame", add_data, _tracking_cost
    ),
    "ordinary-life": Step(
        "simulate ordinary life: false triggers an hour, and the delay until a real mood is acted on",
        _add_ordinary_life,
        _ordinary_life,
    ),
    "simulator": Step("search the simulator's poses and prosodies again, for new networks", _add_simulator, _simulator),
}
"""The steps, in the order of the help."""
