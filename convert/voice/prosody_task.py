"""The task of training Mien's prosody network: every clip at every stage of adaptation to its speaker."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from convert.datasets.speech.clips import VALIDATION, Clip
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
from convert.voice.mixup import distillation_loss, mixup_loss
from convert.voice.protocols import PROSODY_RUNS, VoiceRun
from convert.voice.sampling import sampling_weights
from convert.voice.svm import SupportVectors
from convert.voice.task import read_clips, read_household_noises, require_training_clips
from device.emotions import EMOTIONS, NO_SPEECH, Floats
from device.perception.voice.speaker_baseline import deviations

PLAN = Plan(epochs=120, batch=64, learning_rate=0.05, weight_decay=2e-3)
_DISTILLATION_EPOCHS = 300
"""Learning from a machine's probabilities takes longer, because the examples are always new."""
DRAWS_PER_EPOCH = 2400
_KNOWN_SHARE = 0.4
"""Share of clips at the last stage; the others are at any stage."""
_CLEAN_SHARE = 0.6
_NO_SPEECH_SHARE = 0.12
_NO_SPEECH_SOUNDS = 1500
_JITTER = 0.2
"""Standard deviation of the noise on each number."""


def prosody_plan(run: VoiceRun) -> Plan:
    """The plan of the network of `run`."""
    return replace(PLAN, epochs=_DISTILLATION_EPOCHS) if run.teacher_share == 1 else PLAN


@dataclass(frozen=True)
class Material:
    """The training and test data of a run."""

    clips: list[Clip]
    stages: Stages
    labels: Ints
    trains: npt.NDArray[np.bool_]
    """(clips,) bool."""
    silence: Floats | None
    """(n, PROSODY) of sounds without a voice, for a run with a class for them."""

    def draw_silence(self, count: int, rng: np.random.Generator) -> Floats:
        """(count, PROSODY): sounds without a voice, against any speaker's baseline at any stage."""
        assert self.silence is not None
        baselines = self.stages.baselines
        baseline = baselines[rng.integers(len(baselines), size=count), 0, rng.integers(len(STAGES), size=count), 0]
        return deviations(self.silence[rng.integers(len(self.silence), size=count)], baseline[:, 0], baseline[:, 1])


def load_material(data: Path, run: VoiceRun, rows: int | None = None, cache: Path = Path("cache")) -> Material:
    """All clips at all stages; the training clips define voices in general.

    Raises SettingsError when none of the clips trains `run`.
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
    """The task of `run` on the corpora in `data`; `rows` uses this many clips only, for a quick check.

    Only the shipped network is selected on validation; a benchmark's is saved after its last epoch. Raises
    SettingsError when none of the clips trains it.
    """
    run = run or PROSODY_RUNS["prosody"]
    material = load_material(data, run, rows, cache)
    training = np.flatnonzero(material.trains)[:rows]
    weights = sampling_weights([material.clips[i] for i in training], material.labels[training], even=run.is_balanced)
    draws = max(DRAWS_PER_EPOCH if rows is None else rows, plan.batch)
    is_shipped = run.name == "prosody"
    scored = VALIDATION if is_shipped else ()
    validation = np.array([i for i, clip in enumerate(material.clips) if clip.speaker in scored][:rows], int)
    teacher = _fit_teacher(material, run, training, weights) if run.teacher_share else None

    def batches(epoch: int) -> Iterator[Batch]:
        rng = np.random.default_rng((plan.seed, epoch))
        drawn = rng.choice(training, draws, p=weights)
        for start in range(0, draws - plan.batch + 1, plan.batch):
            part = drawn[start : start + plan.batch]
            n = len(part)
            view = np.where(rng.random(n) < _CLEAN_SHARE, 0, rng.integers(material.stages.numbers.shape[1], size=n))
            stage = np.where(rng.random(n) < _KNOWN_SHARE, LAST_STAGE, rng.integers(len(STAGES), size=n))
            order = rng.integers(ORDERS, size=n)
            away = material.stages.deviations_at(part, view, stage, order)
            known = (
                away if teacher is None else material.stages.deviations_at(part, view, np.full(n, LAST_STAGE), order)
            )
            labels, is_silent = material.labels[part].copy(), np.zeros(n, bool)
            if material.silence is not None:
                is_silent = rng.random(n) < _NO_SPEECH_SHARE
                away[is_silent] = material.draw_silence(int(is_silent.sum()), rng)
                labels[is_silent] = run.classes.index(NO_SPEECH)
            noise = rng.normal(0, _JITTER, away.shape)
            inputs, teacher_inputs = (torch.from_numpy((values + noise).astype(np.float32)) for values in (away, known))
            is_voice = torch.from_numpy(~is_silent[:, None]).float()
            yield (inputs, torch.from_numpy(labels), *([] if teacher is None else [teacher_inputs, is_voice]))

    def loss(network: nn.Module, batch: Batch) -> Tensor:
        if teacher is not None:
            return distillation_loss(network, batch, teacher, run.teacher_share, beta=0.4, smoothing=0.1)
        return mixup_loss(network, batch, beta=0.4, smoothing=0.1)

    def score(network: nn.Module) -> dict[str, float]:
        if not len(validation):
            return {"score": 0.0}
        device = next(network.parameters()).device
        figures = {}
        for name, stage in (("score", LAST_STAGE), ("stranger", 0)):
            first = np.zeros(len(validation), int)
            away = material.stages.deviations_at(validation, first, first + stage, first)
            prediction = network(torch.from_numpy(away).to(device))[:, : len(EMOTIONS)].argmax(1).cpu().numpy()
            figures[name] = recall(prediction, material.labels[validation])
        return figures

    torch.manual_seed(plan.seed)
    network = MienProsody(classes=len(run.classes))
    return Task(run.name, network, batches, draws // plan.batch, loss, score, keep_last=not is_shipped)


def _fit_teacher(material: Material, run: VoiceRun, training: Ints, weights: Floats) -> SupportVectors:
    """Fit the teacher on unchanged clips of known speakers, which reveal the emotion best.

    It never saw a sound without a voice, and is not used for those.
    """
    first = np.zeros(len(training), int)
    inputs = material.stages.deviations_at(training, first, first + LAST_STAGE, first)
    return SupportVectors(inputs, material.labels[training], weights * len(training), len(run.classes))
