"""The task of training Mien's voice network on four acted corpora, split by speaker, and on what is no voice."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from convert.augment_voices import augment, music, noise, trimmed, window_of
from convert.corpora.esc10 import read_noises
from convert.corpora.speech import CORPORA, Clip, by_speaker, read_corpus
from convert.evaluate import recall
from convert.recipes.mien_voice import MienVoice
from convert.training import Batch, Plan, Task
from device.emotions import EMOTIONS, Floats
from device.sense.features import RATE_HZ, log_mel
from device.sense.prepare import voice_input

PLAN = Plan(epochs=40, batch=64, learning_rate=0.05, weight_decay=1e-3)
NO_SPEECH = len(EMOTIONS)
_NO_SPEECH_SHARE = 0.12


def _input(samples: Floats) -> Floats:
    return voice_input(log_mel(samples))


def _tensor(inputs: list[Floats]) -> Tensor:
    stacked = torch.from_numpy(np.concatenate(inputs)).permute(0, 3, 1, 2)
    return stacked.contiguous(memory_format=torch.channels_last)


def _masked(spectrum: Floats, rng: np.random.Generator) -> Floats:
    """SpecAugment (Park et al. 2019): one stretch of time and one of bands hidden behind the mean."""
    for axis, most in ((1, 50), (2, 8)):
        width = int(rng.integers(most))
        start = int(rng.integers(spectrum.shape[axis] - width))
        hidden = [slice(None)] * 4
        hidden[axis] = slice(start, start + width)
        spectrum[tuple(hidden)] = 0
    return spectrum


def voice_task(data: Path, plan: Plan = PLAN, rows: int | None = None, cache: Path = Path("cache")) -> Task:
    """The task on the corpora in `data`; `rows` takes only so many clips, for a quick check of the whole way."""
    corpora = CORPORA if rows is None else ("savee",)
    clips = [clip for corpus in corpora for clip in read_corpus(data / "speech", corpus, cache)]
    noises, _ = read_noises(data / "noise", cache)
    noises = [n for i, n in enumerate(noises) if i % 5]  # every fifth is kept aside for the test
    bands = np.random.default_rng(plan.seed)
    noises += [(music(5 * RATE_HZ, bands) * 32767).astype(np.int16) for _ in range(120 if rows is None else 4)]
    split = by_speaker(clips)
    training = [(trimmed(c.real), c) for c in split.training[:rows]]
    validation = [(trimmed(c.real), c) for c in split.validation[:rows]]
    weights = _balance([clip for _, clip in training])

    def sample(rng: np.random.Generator, index: int) -> tuple[Floats, int]:
        if rng.random() < _NO_SPEECH_SHARE:
            sound = noise(3 * RATE_HZ, noises, rng) * rng.uniform(0.01, 1)
            return _masked(_input(sound.astype(np.float32)), rng), NO_SPEECH
        samples, clip = training[index]
        return _masked(_input(augment(samples, noises, rng)), rng), clip.emotion

    def batches(epoch: int) -> Iterator[Batch]:
        rng = np.random.default_rng((plan.seed, epoch))
        order = rng.choice(len(training), len(training), p=weights)
        for start in range(0, len(order) - plan.batch + 1, plan.batch):
            drawn = [sample(rng, int(i)) for i in order[start : start + plan.batch]]
            yield _tensor([x for x, _ in drawn]), torch.tensor([label for _, label in drawn])

    def loss(network: nn.Module, batch: Batch) -> Tensor:
        inputs, labels = batch
        mix = float(torch.distributions.Beta(0.2, 0.2).sample())
        other = torch.randperm(len(labels))
        logits = network(mix * inputs + (1 - mix) * inputs[other])
        return mix * functional.cross_entropy(logits, labels, label_smoothing=0.05) + (
            1 - mix
        ) * functional.cross_entropy(logits, labels[other], label_smoothing=0.05)

    def score(network: nn.Module) -> dict[str, float]:
        device = next(network.parameters()).device
        rng = np.random.default_rng(0)
        read, truth = [], []
        for start in range(0, len(validation), 64):
            part = validation[start : start + 64]
            logits = network(_tensor([_input(window_of(s, rng)) for s, _ in part]).to(device))
            read += logits[:, :NO_SPEECH].argmax(1).tolist()
            truth += [clip.emotion for _, clip in part]
        return {"score": recall(np.array(read), np.array(truth))}

    return Task("voice", MienVoice(), batches, max(len(training) // plan.batch, 1), loss, score)


def _balance(clips: list[Clip]) -> Floats:
    """Chances (n,) that sum to 1: emotions evened out by the square root, so that a big corpus stays the bigger."""
    count = Counter((clip.corpus, clip.emotion) for clip in clips)
    weights = np.array([count[clip.corpus, clip.emotion] ** -0.5 for clip in clips])
    return (weights / weights.sum()).astype(np.float64)


def calibration_inputs(data: Path, rows: int | None = None, count: int = 400) -> list[Floats]:
    """Inputs (1, 298, 40, 1) of training voices and of noise, for the ranges of the int8 network."""
    corpora = CORPORA if rows is None else ("savee",)
    cache = Path("cache")
    clips = by_speaker([c for corpus in corpora for c in read_corpus(data / "speech", corpus, cache)]).training
    noises, _ = read_noises(data / "noise", cache)
    rng = np.random.default_rng(0)
    chosen = rng.choice(len(clips), min(count, len(clips)), replace=False)
    voices = [augment(trimmed(clips[i].real), noises, rng) for i in chosen]
    return [_input(s) for s in voices] + [_input(noise(3 * RATE_HZ, noises, rng)) for _ in range(count // 8)]
