"""The networks of the voice protocols, asked about those they never heard: int8 on the device's runtime, and float.

Their predictions are saved (convert.evaluation.predictions); the report is computed from them. The networks themselves
are not shipped.
"""

from pathlib import Path

import numpy as np
from torch import nn

from convert.datasets.clips import Clip, read_corpus
from convert.evaluation.predictions import Predictions
from convert.export.tflite import export_int8
from convert.networks.prosody import MienProsody
from convert.networks.voice import MienVoice
from convert.training.checkpoints import load_trained
from convert.voice.adaptation_stages import ORDERS, STAGES
from convert.voice.augment import trim_silence
from convert.voice.lexical_baseline import predict_words
from convert.voice.prosody_task import Material, load_material
from convert.voice.protocols import OWN_CLASSES, PROSODY_RUNS, RUNS, WORD_RUNS, VoiceRun
from convert.voice.task import calibration_inputs, read_clips
from device.emotions import EMOTIONS, Emotion, Floats
from device.errors import SettingsError
from device.perception.audio.log_mel import BANDS
from device.perception.audio.prosody import PROSODY
from device.perception.models.inputs import WINDOW_FRAMES
from device.perception.tflite import Network
from device.perception.voice.classifier import WINDOW
from device.perception.voice.input import voice_input
from device.perception.voice.speaker_baseline import SpeakerBaseline

INPUT_SHAPE = (1, WINDOW_FRAMES, BANDS, 2)
_CALM = OWN_CLASSES.index("calm")
_NEUTRAL = EMOTIONS.index(Emotion.NEUTRAL)


def split_windows(samples: Floats) -> list[Floats]:
    """A clip's voice as inputs of three seconds each, half overlapping; a shorter voice is one."""
    voice = trim_silence(samples)
    ends = [*range(WINDOW, len(voice), WINDOW // 2), len(voice)]
    return [voice_input(voice[max(end - WINDOW, 0) : end]) for end in ends]


def benchmark(name: str, data: Path, runs: Path, out: Path, rows: int | None = None) -> list[Path]:
    """Quantize the run `name` and keep what it says of its test clips, corpus by corpus; the files written.

    Words need no training. Raises SettingsError where there is no such run, ModelError where it is not trained.
    """
    if name in PROSODY_RUNS:
        return _prosody(name, data, runs, out, rows)
    if name in WORD_RUNS:
        path = out / f"{name}-savee.npz"
        predict_words(WORD_RUNS[name], read_corpus(data / "speech", "savee", Path("cache"))).save(path)
        return [path]
    if name not in RUNS:
        raise SettingsError(f"benchmark: no run {name!r}; there are {', '.join({**RUNS, **PROSODY_RUNS, **WORD_RUNS})}")
    run = RUNS[name]
    network = load_trained(name, runs / name, MienVoice(classes=len(run.classes)))
    int8, exact = _export_both(network, INPUT_SHAPE, calibration_inputs(data, rows, run=run), name)
    clips = [clip for clip in read_clips(data, rows) if run.tested(clip)][:rows]
    heard = [split_windows(clip.real) for clip in clips]
    written = []
    for kind, reader in (("", int8), ("-float", exact)):
        logits = np.array([np.mean([reader.run(x)[0][0] for x in parts], axis=0) for parts in heard], np.float32)
        written += _save_by_corpus(out, run, clips, logits, kind)
    return written


def _save_by_corpus(out: Path, run: VoiceRun, clips: list[Clip], logits: Floats, kind: str) -> list[Path]:
    paths = []
    for corpus in sorted({clip.corpus for clip in clips}):
        mask = np.array([clip.corpus == corpus for clip in clips])
        paths.append(out / f"{run.name}-{corpus}{kind}.npz")
        _make_predictions(run, [c for c, m in zip(clips, mask, strict=True) if m], logits[mask]).save(paths[-1])
    return paths


def _export_both(
    network: nn.Module, shape: tuple[int, ...], calibration: list[Floats], name: str
) -> tuple[Network, Network]:
    """(the int8 network, the float one), both on the device's runtime."""
    int8, exact = export_int8(network, shape, calibration)
    return Network(int8, f"{name}, int8"), Network(exact, f"{name}, float")


def _prosody(name: str, data: Path, runs: Path, out: Path, rows: int | None) -> list[Path]:
    """Ask a prosodic network twice: about strangers (`-stranger`), and about speakers whose voices have been heard.

    To hear a speaker is to have learnt, without labels, from all of the clips that are asked about.
    """
    run = PROSODY_RUNS[name]
    network = load_trained(name, runs / name, MienProsody(classes=len(run.classes)))
    heard = load_material(data, run, rows)
    int8, exact = _export_both(network, (1, PROSODY), calibration_deviations(heard), name)
    asked = [i for i, clip in enumerate(heard.clips) if run.tested(clip)][:rows]
    clips = [heard.clips[i] for i in asked]
    strange, known = (compute_deviations(heard, asked, known=known) for known in (False, True))
    written = []
    for kind, reader in (("", int8), ("-float", exact)):
        for stage, inputs in (("-stranger", strange), ("", known)):
            logits = np.array([reader.run(x)[0][0] for x in inputs], np.float32)
            written += _save_by_corpus(out, run, clips, logits, f"{stage}{kind}")
    return written


def compute_deviations(heard: Material, asked: list[int], *, known: bool) -> list[Floats]:
    """(1, PROSODY) each, by the device's own baseline: one a speaker and corpus; a `known` one has heard all of it."""
    stages = heard.stages
    baselines: dict[tuple[str, str], SpeakerBaseline] = {}
    keys = [(heard.clips[i].speaker, heard.clips[i].corpus) for i in asked]
    for key in set(keys):
        baselines[key] = SpeakerBaseline(tuple(stages.centre.tolist()), tuple(stages.spread.tolist()))
    if known:
        # In an order of chance: TESS lies sorted by emotion, and a baseline that has heard hundreds remembers the last.
        for at in np.random.default_rng(0).permutation(len(asked)):
            baselines[keys[at]].learn(stages.numbers[asked[at], 0])
    return [baselines[key].deviations(stages.numbers[i, 0]) for key, i in zip(keys, asked, strict=True)]


def calibration_deviations(heard: Material, count: int = 500) -> list[Floats]:
    """Inputs (1, PROSODY) of training clips at all stages, for the ranges of the int8 network."""
    rng = np.random.default_rng(0)
    mine = rng.choice(np.flatnonzero(heard.trains), count)
    stage = rng.integers(len(STAGES), size=count)
    voices = heard.stages.at(mine, np.zeros(count, int), stage, rng.integers(ORDERS, size=count))
    silent = heard.silent(count // 8, rng) if heard.silence is not None else voices[:0]
    return list(np.concatenate([voices, silent])[:, None])


def _make_predictions(run: VoiceRun, clips: list[Clip], logits: Floats) -> Predictions:
    """RAVDESS's own eight classes; for the others calm is a neutral."""
    own = clips[0].corpus.startswith("ravdess") and run.own_labels
    if not own:
        if "calm" in run.classes:
            logits = np.array(logits)
            logits[:, _NEUTRAL] = np.logaddexp(logits[:, _NEUTRAL], logits[:, _CALM])
        logits = logits[:, : len(EMOTIONS)]
    return Predictions(
        classes=run.classes if own else tuple(e.value for e in EMOTIONS),
        logits=logits,
        truth=np.array([run.label(clip) if own else clip.emotion for clip in clips]),
        names=np.array([clip.name for clip in clips]),
        groups=np.array([f"{clip.speaker} {clip.sex}" for clip in clips]),
        corpora=np.array([clip.corpus for clip in clips]),
    )
