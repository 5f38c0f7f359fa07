"""Runs the networks of the voice protocols on speakers they never heard: int8 on the device's runtime, and float.

Their predictions are saved (convert.evaluation.predictions), and the report is computed from them. The networks
themselves do not ship.
"""

from pathlib import Path

import numpy as np
from torch import nn

from convert.datasets.speech.clips import Clip, read_corpus
from convert.evaluation.predictions import Predictions, predict_clips
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


def split_windows(samples: Floats) -> list[Floats]:
    """A clip's voice as inputs of three seconds each, half overlapping; a shorter voice is one input."""
    voice = trim_silence(samples)
    ends = [*range(WINDOW, len(voice), WINDOW // 2), len(voice)]
    return [voice_input(voice[max(end - WINDOW, 0) : end]) for end in ends]


def average_windows(network: Network, inputs: list[list[Floats]]) -> Floats:
    """(n, k) float32: the mean logits of each clip's windows."""
    return np.array([np.mean([network.run(x)[0][0] for x in parts], axis=0) for parts in inputs], np.float32)


def benchmark(name: str, data: Path, runs: Path, out: Path, rows: int | None = None) -> list[Path]:
    """Quantize the run `name` and save its predictions on its test clips, one file per corpus; returns the files.

    Word runs need no training. Raises SettingsError when there is no such run, ModelError when it is not trained.
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
    int8, float_network = _export_both(network, INPUT_SHAPE, calibration_inputs(data, rows, run=run), name)
    clips = [clip for clip in read_clips(data, rows) if run.tests(clip)][:rows]
    inputs = [split_windows(clip.real) for clip in clips]
    written = []
    for kind, reader in (("", int8), ("-float", float_network)):
        written += _save_by_corpus(out, run, clips, average_windows(reader, inputs), kind)
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
    """(int8 network, float network), both on the device's runtime."""
    int8, float_network = export_int8(network, shape, calibration)
    return Network(int8, f"{name}, int8"), Network(float_network, f"{name}, float")


def _prosody(name: str, data: Path, runs: Path, out: Path, rows: int | None) -> list[Path]:
    """Run a prosody network twice: on new speakers (`-stranger`), and on speakers it has heard before.

    Having heard a speaker means having adapted, without labels, to all of the speaker's test clips.
    """
    run = PROSODY_RUNS[name]
    network = load_trained(name, runs / name, MienProsody(classes=len(run.classes)))
    material = load_material(data, run, rows)
    int8, float_network = _export_both(network, (1, PROSODY), calibration_deviations(material), name)
    rows_tested = [i for i, clip in enumerate(material.clips) if run.tests(clip)][:rows]
    clips = [material.clips[i] for i in rows_tested]
    new, known = (compute_deviations(material, rows_tested, known=known) for known in (False, True))
    written = []
    for kind, reader in (("", int8), ("-float", float_network)):
        for stage, inputs in (("-stranger", new), ("", known)):
            logits = np.array([reader.run(x)[0][0] for x in inputs], np.float32)
            written += _save_by_corpus(out, run, clips, logits, f"{stage}{kind}")
    return written


def compute_deviations(material: Material, rows_tested: list[int], *, known: bool) -> list[Floats]:
    """(1, PROSODY) each, against the device's own baseline per speaker and corpus; `known`: it has heard all clips."""
    stages = material.stages
    keys = [(material.clips[i].speaker, material.clips[i].corpus) for i in rows_tested]
    general = tuple(stages.centre.tolist()), tuple(stages.spread.tolist())
    baselines = {key: SpeakerBaseline(*general) for key in set(keys)}
    if known:
        # In random order: TESS is sorted by emotion, and after hundreds of clips a baseline depends mostly on the last
        # ones.
        for at in np.random.default_rng(0).permutation(len(rows_tested)):
            baselines[keys[at]].learn(stages.numbers[rows_tested[at], 0])
    return [baselines[key].deviations(stages.numbers[i, 0]) for key, i in zip(keys, rows_tested, strict=True)]


def calibration_deviations(material: Material, count: int = 500) -> list[Floats]:
    """Inputs (1, PROSODY) of training clips at all stages, to calibrate the int8 network."""
    rng = np.random.default_rng(0)
    chosen = rng.choice(np.flatnonzero(material.trains), count)
    stage = rng.integers(len(STAGES), size=count)
    voices = material.stages.deviations_at(chosen, np.zeros(count, int), stage, rng.integers(ORDERS, size=count))
    silence = material.draw_silence(count // 8, rng) if material.silence is not None else voices[:0]
    return list(np.concatenate([voices, silence])[:, None])


def _make_predictions(run: VoiceRun, clips: list[Clip], logits: Floats) -> Predictions:
    """Predictions in RAVDESS's own eight classes; for the other corpora calm is merged into neutral."""
    if clips[0].corpus.startswith("ravdess") and run.has_own_labels:
        return predict_clips(logits, clips, run.classes, np.array([run.label(clip) for clip in clips]))
    if "calm" in run.classes:
        calm, neutral = OWN_CLASSES.index("calm"), EMOTIONS.index(Emotion.NEUTRAL)
        logits = np.array(logits)
        logits[:, neutral] = np.logaddexp(logits[:, neutral], logits[:, calm])
    return predict_clips(logits[:, : len(EMOTIONS)], clips)
