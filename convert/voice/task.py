"""The training task of Mien's voice network: acted corpora under one of the protocols, and sounds without a voice."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from convert.datasets.noise.esc10 import HELD_OUT_STEP, read_noises
from convert.datasets.speech.clips import TRAINING_CORPORA, VALIDATION, Clip, read_corpus
from convert.evaluation.metrics import recall
from convert.networks.voice import MienVoice
from convert.training.loop import Batch, Task
from convert.training.plan import Plan
from convert.voice.augment import augment, make_music, make_noise, trim_silence
from convert.voice.augmented_copies import Views, augment_spectrum, build_views
from convert.voice.mixup import mixup_loss
from convert.voice.protocols import RUNS, VoiceRun
from convert.voice.sampling import sampling_weights
from device.emotions import EMOTIONS, NO_SPEECH, Floats
from device.errors import SettingsError
from device.perception.audio.stft import RATE_HZ
from device.perception.voice.input import voice_input

PLAN = Plan(epochs=48, batch=64, learning_rate=0.05, weight_decay=1e-3)
VIEWS = 5
DRAWS_PER_EPOCH = 3200
_CLEAN_SHARE = 0.5
"""Share of unchanged clips in a long run; otherwise, and always in a short run, any view of a clip is drawn."""
_NO_SPEECH_SHARE = 0.12


def read_clips(data: Path, rows: int | None = None, cache: Path = Path("cache")) -> list[Clip]:
    """Every clip of the training corpora; with `rows` only SAVEE, for a quick check."""
    return [
        clip
        for corpus in (TRAINING_CORPORA if rows is None else ("savee",))
        for clip in read_corpus(data / "speech", corpus, cache)
    ]


def require_training_clips(run: VoiceRun, clips: Sequence[Clip]) -> None:
    """Raises SettingsError when `run` trains on none of the `clips`; with `rows`, all of them are SAVEE's."""
    if not any(run.trains(clip) for clip in clips):
        corpora = ", ".join(sorted({clip.corpus for clip in clips}))
        raise SettingsError(
            f"{run.name}: none of the {len(clips)} clips of {corpora} trains it; with --rows there are only SAVEE "
            "clips: leave --rows out, or name another run, such as prosody-savee-JE"
        )


def read_household_noises(data: Path, cache: Path) -> list[npt.NDArray[np.int16]]:
    """ESC-10 without every fifth sound, which is held out for the test.

    `esc10.select_held_out` returns the test sounds that share no recording with these.
    """
    return [n for i, n in enumerate(read_noises(data / "noise", cache)[0]) if i % HELD_OUT_STEP]


def to_tensor(inputs: Sequence[Floats]) -> Tensor:
    """Inputs (WINDOW_FRAMES, BANDS, 2) -> (n, 2, WINDOW_FRAMES, BANDS)."""
    stacked = torch.from_numpy(np.stack(inputs).astype(np.float32))
    return stacked.permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)


def voice_plan(run: VoiceRun) -> Plan:
    """The training plan for the network of `run`."""
    return replace(PLAN, epochs=run.epochs) if run.epochs else PLAN


def voice_task(
    data: Path, plan: Plan = PLAN, rows: int | None = None, cache: Path = Path("cache"), run: VoiceRun = RUNS["voice"]
) -> Task:
    """The task of `run` on the corpora in `data`. `rows` limits the number of clips, for a quick check.

    Only the shipped network is scored on validation, and no network is selected by it: the last epoch is saved. A
    benchmark's network must not be selected on its test speakers. Of the shipped one's epochs, the one with the best
    score on clean clips (65.1 against 63.0 for the last) is worse in noise and echoes (57.2 against 59.5).

    Raises SettingsError when none of the clips trains `run`.
    """
    noises = read_household_noises(data, cache)
    is_shipped = run.name == "voice"
    clips = read_clips(data, rows, cache)
    require_training_clips(run, clips)
    views = build_views(clips, noises, VIEWS, cache)
    training = [i for i, clip in enumerate(clips) if run.trains(clip)][:rows]
    labels = np.array([run.label(clip) for clip in clips])
    weights = sampling_weights([clips[i] for i in training], labels[training], even=run.is_balanced)
    draws = max(DRAWS_PER_EPOCH if rows is None else rows, plan.batch)
    silence = _make_silence(noises, 400 if rows is None else 8) if is_shipped else None
    validation = [i for i, clip in enumerate(clips) if clip.speaker in VALIDATION][:rows] if is_shipped else []

    def sample(rng: np.random.Generator, index: int) -> tuple[Floats, int]:
        if silence is not None and rng.random() < _NO_SPEECH_SHARE:
            view = silence[int(rng.integers(len(silence)))]
            return augment_spectrum(view.astype(np.float32), rng), run.classes.index(NO_SPEECH)
        is_clean = run.epochs > 0 and rng.random() < _CLEAN_SHARE
        view = views[index, 0 if is_clean else int(rng.integers(views.shape[1]))]
        return augment_spectrum(view.astype(np.float32), rng), int(labels[index])

    def batches(epoch: int) -> Iterator[Batch]:
        rng = np.random.default_rng((plan.seed, epoch))
        order = rng.choice(training, draws, p=weights)
        for start in range(0, draws - plan.batch + 1, plan.batch):
            part = [sample(rng, int(i)) for i in order[start : start + plan.batch]]
            yield to_tensor([x for x, _ in part]), torch.tensor([label for _, label in part])

    def loss(network: nn.Module, batch: Batch) -> Tensor:
        return mixup_loss(network, batch, beta=0.2, smoothing=0.05)

    def score(network: nn.Module) -> dict[str, float]:
        if not validation:
            return {"score": 0.0}
        device = next(network.parameters()).device
        predictions: list[int] = []
        for start in range(0, len(validation), 64):
            part = to_tensor([views[i, 0] for i in validation[start : start + 64]]).to(device)
            predictions += network(part)[:, : len(EMOTIONS)].argmax(1).tolist()
        return {"score": recall(np.array(predictions), labels[validation])}

    torch.manual_seed(plan.seed)
    network = MienVoice(classes=len(run.classes))
    return Task(run.name, network, batches, draws // plan.batch, loss, score, keep_last=True)


def _make_silence(noises: list[npt.NDArray[np.int16]], count: int) -> Views:
    """Views (count, …) of sounds without a voice: household sounds, hiss, hum, and generated music."""
    rng = np.random.default_rng(5)
    bands = [(make_music(5 * RATE_HZ, rng) * 32767).astype(np.int16) for _ in range(count // 4)]
    sounds = [make_noise(3 * RATE_HZ, noises + bands, rng) * rng.uniform(0.01, 1) for _ in range(count)]
    return np.stack([voice_input(sound.astype(np.float32))[0] for sound in sounds]).astype(np.float16)


def calibration_inputs(
    data: Path, rows: int | None = None, count: int = 400, run: VoiceRun = RUNS["voice"]
) -> list[Floats]:
    """Inputs (1, WINDOW_FRAMES, BANDS, 2) of training voices and noise, to calibrate the int8 network.

    Raises SettingsError when none of the clips trains `run`.
    """
    cache = Path("cache")
    clips = read_clips(data, rows, cache)
    require_training_clips(run, clips)
    clips = [clip for clip in clips if run.trains(clip)]
    noises = read_household_noises(data, cache)
    rng = np.random.default_rng(0)
    chosen = rng.choice(len(clips), min(count, len(clips)), replace=False)
    voices = [voice_input(augment(trim_silence(clips[i].real), noises, rng)) for i in chosen]
    return voices + [voice_input(make_noise(3 * RATE_HZ, noises, rng)) for _ in range(count // 8)]
