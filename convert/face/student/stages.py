"""Trains the face networks stage by stage, the most valuable first; an interrupted stage resumes.

    python -m convert.face.student.stages --out FOLDER          run all remaining stages in turn
    python -m convert.face.student.stages --out FOLDER --list   list finished and remaining stages

Each stage has its own run folder in FOLDER. Finished stages are skipped, so the same command continues.
"""

import argparse
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch

from convert.arguments import add_data
from convert.evaluation.shipped import AS_PUBLISHED, FER2013_ONLY, FERPLUS_WEIGHT
from convert.face.distillation import face_inputs
from convert.face.from_tflite import load_tflite
from convert.face.plan import FacePlan
from convert.face.student.data import MixedFaces, load_mixed_faces
from convert.face.student.network import MixedFace
from convert.face.student.task import MixedPlan, Teachers, make_score, make_task
from convert.face.student.widen import widen
from convert.networks.face import PUBLISHED, STUDENT, TEACHER, MienFace, add_ferplus_logits
from convert.training import checkpoints
from convert.training.loop import keep_freed_memory, train
from device.errors import MienError

Widths = tuple[int, int, int, int]
MIDDLE: Widths = (32, 96, 160, 256)
"""3.3 M parameters: a teacher widened from a student, so it does not start from random weights."""
COMMITTED = {"fer2013-only": (FER2013_ONLY, FERPLUS_WEIGHT), "published": (AS_PUBLISHED, 0.0)}
"""The committed files that stages start from, and the weight of FER+'s logits in their seven."""


@dataclass(frozen=True)
class Stage:
    """One training run: its data, its teachers and its initial weights."""

    name: str
    plan: FacePlan
    widths: Widths = STUDENT
    mixed: MixedPlan = field(default_factory=MixedPlan)
    start: str = ""
    """Initial weights: empty (random ones), a network of COMMITTED or an earlier stage; widened if necessary."""
    teachers: tuple[str, ...] = ()
    """Earlier stages whose predictions it learns from."""
    fer2013: str = "clean"
    webfaces: bool = True
    side: int = 48
    hard: float = 0.8
    sharp: float = 1.0
    hours: float = 0.0
    """Expected time on one core of a 2023 server (AMD EPYC with bfloat16); three to four times as long without."""

    @property
    def scored_heads(self) -> tuple[str, ...]:
        """The validation figures of the heads that this stage trains."""
        if self.fer2013 == "none":
            return ("webfaces",)
        return ("fer2013", "uar", "ferplus", "webfaces") if self.webfaces else ("fer2013", "ferplus")


_PLAN = FacePlan(epochs=12, batch=256, learning_rate=0.04, weight_decay=3e-4, calm_from=0.5, threads=1)
_FROM_SCRATCH = replace(_PLAN, epochs=20, learning_rate=0.1, weight_decay=5e-4, calm_from=0.7)

STAGES: tuple[Stage, ...] = (
    Stage("student-begun", replace(_PLAN, epochs=3, learning_rate=0.05), start="fer2013-only", hours=0.2),
    Stage("from-nothing", replace(_FROM_SCRATCH, epochs=40, seed=9), hours=2.4),
    Stage("student-1", replace(_PLAN, epochs=9), start="student-begun", hours=0.6),
    Stage(
        "teacher-1",
        replace(_PLAN, epochs=8, learning_rate=0.06, weight_decay=5e-4, seed=2),
        MIDDLE,
        start="student-1",
        hours=1.7,
    ),
    Stage(
        "student-2",
        replace(_PLAN, epochs=14, seed=3, taught=0.6),
        start="student-1",
        teachers=("teacher-1", "student-1"),
        hours=2.0,
    ),
    Stage(
        "published-1",
        replace(_PLAN, epochs=20, seed=4),
        start="published",
        fer2013="published",
        webfaces=False,
        sharp=2.0,
        hours=0.6,
    ),
    Stage("teacher-2", replace(_FROM_SCRATCH, seed=5), TEACHER, hours=12.0),
    Stage(
        "student-3",
        replace(_PLAN, epochs=24, seed=6, taught=0.6),
        start="student-2",
        teachers=("teacher-1", "teacher-2"),
        hours=7.0,
    ),
    Stage("webfaces-alone", replace(_FROM_SCRATCH, seed=7), fer2013="none", hours=0.6),
    Stage(
        "student-64px",
        replace(_PLAN, seed=8, taught=0.6),
        start="student-3",
        teachers=("teacher-1", "teacher-2"),
        side=64,
        hours=5.0,
    ),
)
CHAIN = ("student-begun",)
"""The stages of the network that `convert reproduce face` makes, in order. The first starts from a committed file."""
FROM_NOTHING_CHAIN = ("from-nothing",)
"""The same without that file."""


def find_stage(name: str) -> Stage:
    """The stage of that name."""
    return next(stage for stage in STAGES if stage.name == name)


def is_done(name: str, out: Path) -> bool:
    """Whether the stage has been trained to its end in `out`."""
    return (out / name / "done").exists()


def run_stage(stage: Stage, out: Path, data: Path, rows: int | None = None) -> float:
    """Train or resume `stage` in its folder below `out`; returns the best validation score in per cent."""
    faces = load_mixed_faces(
        data,
        out / "cache",
        side=stage.side,
        fer2013=stage.fer2013,
        webfaces=stage.webfaces,
        hard=stage.hard,
        sharp=stage.sharp,
        rows=rows,
    )
    priors = (faces.fer2013_prior, faces.webfaces_prior)
    torch.manual_seed(stage.plan.seed)
    network = MixedFace(stage.widths)
    folder = out / stage.name
    if stage.start and not (folder / "last.pt").exists():
        _load_initial_weights(network, stage, out, faces)
    teachers = None
    if stage.teachers:
        teachers = Teachers([load_stage(name, out) for name in stage.teachers], priors)
    plan = replace(stage.plan, rows=rows or 0, teacher=" ".join(stage.teachers), start=stage.start)
    score = make_score(data, priors, side=stage.side, rows=rows, scored_heads=stage.scored_heads)
    best = train(make_task(stage.name, network, faces, score, plan, stage.mixed, teachers), plan, folder)
    (folder / "done").write_text(f"{best:.2f}\n")
    return best


def load_stage(name: str, out: Path) -> MixedFace:
    """The trained network of stage `name` in `out`, in evaluation mode; raises ModelError if it is missing."""
    network = MixedFace(find_stage(name).widths, dropout=0.0)
    checkpoints.load_into(network, out / name)
    return network.eval()


def _load_initial_weights(network: MixedFace, stage: Stage, out: Path, faces: MixedFaces) -> None:
    """Load the initial weights of the stage into `network`."""
    narrow = _load_committed(stage.start, faces) if stage.start in COMMITTED else load_stage(stage.start, out)
    widen(narrow, network, torch.Generator().manual_seed(stage.plan.seed))


def _load_committed(which: str, faces: MixedFaces) -> MixedFace:
    """The network of COMMITTED, with balanced logits for its seven; webfaces' head starts as a copy of FER2013's."""
    path, ferplus_weight = COMMITTED[which]
    two_heads = MienFace(PUBLISHED, dropout=0.0)
    load_tflite(two_heads, path, face_inputs(faces.faces.pixels[:2048]))
    two_heads = add_ferplus_logits(two_heads, -ferplus_weight)
    network = MixedFace(PUBLISHED, dropout=0.0)
    network.load_state_dict(two_heads.state_dict(), strict=False)
    with torch.no_grad():
        network.emotions.bias -= faces.fer2013_prior.log()
        network.webfaces.weight.copy_(network.emotions.weight)
        network.webfaces.bias.copy_(network.emotions.bias)
    return network


def main() -> int:
    """Run the remaining stages; on a MienError, print one line and return 1."""
    parser = argparse.ArgumentParser(prog="python -m convert.face.student.stages", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder that holds the run folders")
    add_data(parser)
    parser.add_argument("--only", nargs="+", choices=[stage.name for stage in STAGES])
    parser.add_argument("--rows", type=int, help="only so many rows of each dataset, for a quick check")
    parser.add_argument("--list", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    keep_freed_memory()
    try:
        for stage in STAGES:
            done = is_done(stage.name, arguments.out)
            if arguments.list:
                print(f"{stage.name}: {'done' if done else f'about {stage.hours} h on one core'}")
            elif not done and (not arguments.only or stage.name in arguments.only):
                print(f"{stage.name}: best score {run_stage(stage, arguments.out, arguments.data, arguments.rows):.2f}")
    except MienError as error:
        print(f"convert: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
