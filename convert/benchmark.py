"""The networks of the voice protocols, asked about those they never heard: int8 on the device's runtime, and float.

Their answers are kept (convert.predictions); the report counts them. The networks themselves are not shipped.
"""

import tempfile
from pathlib import Path

import numpy as np
import torch

from convert.augment_voices import trimmed
from convert.corpora.speech import Clip
from convert.export import to_float_tflite, to_int8
from convert.predictions import Predictions
from convert.recipes.mien_voice import MienVoice
from convert.train_voice import all_clips, calibration_inputs
from convert.voice_protocols import OWN_CLASSES, RUNS, VoiceRun
from device.emotions import EMOTIONS, Emotion, Floats
from device.errors import MediaError
from device.sense.features import BANDS
from device.sense.prepare import WINDOW_FRAMES, voice_input
from device.sense.tflite import Network
from device.sense.voice import WINDOW

INPUT_SHAPE = (1, WINDOW_FRAMES, BANDS, 2)
_CALM = OWN_CLASSES.index("calm")
_NEUTRAL = EMOTIONS.index(Emotion.NEUTRAL)


def windows(samples: Floats) -> list[Floats]:
    """A clip's voice as inputs of three seconds each, half overlapping; a shorter voice is one."""
    voice = trimmed(samples)
    ends = [*range(WINDOW, len(voice), WINDOW // 2), len(voice)]
    return [voice_input(voice[max(end - WINDOW, 0) : end]) for end in ends]


def benchmark(name: str, data: Path, runs: Path, out: Path, rows: int | None = None) -> list[Path]:
    """Quantize the run `name` and keep what it says of its test clips, corpus by corpus; the files written.

    Raises MediaError when the run is not trained.
    """
    run = RUNS[name]
    weights = runs / name / "best.pt"
    if not weights.exists():
        raise MediaError(f"{weights} is missing: python -m convert train {name}")
    network = MienVoice(classes=len(run.classes))
    network.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/float.tflite"
        to_float_tflite(network.eval(), INPUT_SHAPE, path)
        int8 = Network(to_int8(path, calibration_inputs(data, rows, run=run)), f"{name}, int8")
        exact = Network(Path(path).read_bytes(), f"{name}, float")
    clips = [clip for clip in all_clips(data, rows) if run.tested(clip)][:rows]
    heard = [windows(clip.real) for clip in clips]
    written = []
    for kind, reader in (("", int8), ("-float", exact)):
        logits = np.array([np.mean([reader.run(x)[0][0] for x in parts], axis=0) for parts in heard], np.float32)
        for corpus in sorted({clip.corpus for clip in clips}):
            mask = np.array([clip.corpus == corpus for clip in clips])
            path_out = out / f"{name}-{corpus}{kind}.npz"
            _kept(run, [c for c, m in zip(clips, mask, strict=True) if m], logits[mask]).save(path_out)
            written.append(path_out)
    return written


def _kept(run: VoiceRun, clips: list[Clip], logits: Floats) -> Predictions:
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
