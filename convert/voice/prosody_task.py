"""The task of training Mien's prosodic network: on every clip at every stage of acquaintance with its speaker."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from convert.datasets.clips import VALIDATION, Clip
from convert.evaluation.metrics import recall
from convert.evaluation.predictions import Ints
from convert.networks.prosody import MienProsody
from convert.training.loop import Batch, Task
from convert.training.plan import Plan
from convert.voice.adaptation_stages import (
    LAST_STAGE,
    ORDERS,
    STAGES,
    Stages,
    build_stages,
    load_noise_prosody,
    load_prosody,
)
from convert.voice.batches import distillation_loss, mixup_loss, sampling_weights
from convert.voice.protocols import PROSODY_RUNS, VoiceRun
from convert.voice.svm import SupportVectors
from convert.voice.task import read_clips, read_household_noises, require_training_clips
from device.emotions import EMOTIONS, NO_SPEECH, Floats
from device.perception.voice.speaker_baseline import deviations

PLAN = Plan(epochs=120, batch=64, learning_rate=0.05, weight_decay=2e-3)
_TAUGHT_EPOCHS = 300
"""A pupil of a machine that never tires of new examples needs patience."""
DRAWS_PER_EPOCH = 2400
_KNOWN_SHARE = 0.4
"""So many are drawn at the last stage, the others from all."""
_CLEAN_SHARE = 0.6
_NO_SPEECH_SHARE = 0.12
_NO_SPEECH_SOUNDS = 1500
_JITTER = 0.2
"""Deviations of noise on each number."""


def prosody_plan(run: VoiceRun) -> Plan:
    """How long `run` learns."""
    return replace(PLAN, epochs=_TAUGHT_EPOCHS) if run.taught == 1 else PLAN


@dataclass(frozen=True)
class Material:
    """What a run learns from and is asked about."""

    clips: list[Clip]
    stages: Stages
    labels: Ints
    trains: npt.NDArray[np.bool_]
    """(clips,) bool."""
    silence: Floats | None
    """(n, PROSODY) of what is no voice, for a run that has a class for it."""

    def silent(self, count: int, rng: np.random.Generator) -> Floats:
        """(count, PROSODY): what is no voice, in anybody's household, at any stage."""
        assert self.silence is not None
        usual = self.stages.usual
        house = usual[rng.integers(len(usual), size=count), 0, rng.integers(len(STAGES), size=count), 0]
        return deviations(self.silence[rng.integers(len(self.silence), size=count)], house[:, 0], house[:, 1])


def load_material(data: Path, run: VoiceRun, rows: int | None = None, cache: Path = Path("cache")) -> Material:
    """All clips at all stages, the general one being that of those who train.

    Raises SettingsError where none of them trains `run`.
    """
    clips = read_clips(data, rows, cache)
    require_training_clips(run, clips)
    noises = read_household_noises(data, cache)
    trains = np.array([run.trains(clip) for clip in clips])
    numbers = load_prosody(clips, noises, cache)
    labels = np.array([run.label(clip) for clip in clips])
    silence = None
    if NO_SPEECH in run.classes:
        silence = load_noise_prosody(noises, _NO_SPEECH_SOUNDS if rows is None else rows, cache)
    return Material(clips, build_stages(numbers, clips, trains), labels, trains, silence)


def prosody_task(
    data: Path, plan: Plan = PLAN, rows: int | None = None, cache: Path = Path("cache"), run: VoiceRun | None = None
) -> Task:
    """The task of `run` on the corpora in `data`; `rows` takes only so many clips, for a quick check of the whole way.

    Only the shipped network is watched on validation; a benchmark's is taken as its last epoch leaves it. Raises
    SettingsError where none of the clips trains it.
    """
    run = run or PROSODY_RUNS["prosody"]
    heard = load_material(data, run, rows, cache)
    mine = np.flatnonzero(heard.trains)[:rows]
    chances = sampling_weights([heard.clips[i] for i in mine], heard.labels[mine], even=run.even)
    drawn = max(DRAWS_PER_EPOCH if rows is None else rows, plan.batch)
    shipped = run.name == "prosody"
    watched = np.array([i for i, clip in enumerate(heard.clips) if clip.speaker in VALIDATION and shipped][:rows], int)
    teacher = _fit_teacher(heard, run, mine, chances) if run.taught else None

    def batches(epoch: int) -> Iterator[Batch]:
        rng = np.random.default_rng((plan.seed, epoch))
        drawn_rows = rng.choice(mine, drawn, p=chances)
        for start in range(0, drawn - plan.batch + 1, plan.batch):
            part = drawn_rows[start : start + plan.batch]
            n = len(part)
            view = np.where(rng.random(n) < _CLEAN_SHARE, 0, rng.integers(heard.stages.numbers.shape[1], size=n))
            stage = np.where(rng.random(n) < _KNOWN_SHARE, LAST_STAGE, rng.integers(len(STAGES), size=n))
            order = rng.integers(ORDERS, size=n)
            away = heard.stages.at(part, view, stage, order)
            known = heard.stages.at(part, view, np.full(n, LAST_STAGE), order) if teacher is not None else away
            wanted, silent = heard.labels[part].copy(), np.zeros(n, bool)
            if heard.silence is not None:
                silent = rng.random(n) < _NO_SPEECH_SHARE
                away[silent] = heard.silent(int(silent.sum()), rng)
                wanted[silent] = run.classes.index(NO_SPEECH)
            noise = rng.normal(0, _JITTER, away.shape)
            pupils, teachers = (torch.from_numpy((values + noise).astype(np.float32)) for values in (away, known))
            voiced = torch.from_numpy(~silent[:, None]).float()
            yield (pupils, torch.from_numpy(wanted), *([] if teacher is None else [teachers, voiced]))

    def loss(network: nn.Module, batch: Batch) -> Tensor:
        if teacher is not None:
            return distillation_loss(network, batch, teacher, run.taught, beta=0.4, smoothing=0.1)
        return mixup_loss(network, batch, beta=0.4, smoothing=0.1)

    def score(network: nn.Module) -> dict[str, float]:
        if not len(watched):
            return {"score": 0.0}
        device = next(network.parameters()).device
        found = {}
        for name, stage in (("score", LAST_STAGE), ("stranger", 0)):
            first = np.zeros(len(watched), int)
            away = heard.stages.at(watched, first, first + stage, first)
            read = network(torch.from_numpy(away).to(device))[:, : len(EMOTIONS)].argmax(1).cpu().numpy()
            found[name] = recall(read, heard.labels[watched])
        return found

    torch.manual_seed(plan.seed)
    network = MienProsody(classes=len(run.classes))
    return Task(run.name, network, batches, drawn // plan.batch, loss, score, keep_last=not shipped)


def _fit_teacher(heard: Material, run: VoiceRun, mine: Ints, chances: Floats) -> SupportVectors:
    """Fitted on clips as they are, of speakers whose voices are known: the easiest way to see what they say.

    What is no voice it has never met, and is not asked about.
    """
    first = np.zeros(len(mine), int)
    inputs = heard.stages.at(mine, first, first + LAST_STAGE, first)
    return SupportVectors(inputs, heard.labels[mine], chances * len(mine), len(run.classes))
