"""From trained voice networks to what the device takes: int8, their cards, the powers to which both are multiplied."""

from pathlib import Path

import msgspec
import numpy as np

from convert.datasets.clips import VALIDATION, Clip
from convert.evaluation.metrics import recall
from convert.evaluation.predictions import Predictions
from convert.evaluation.shipped import read_clip, read_clips
from convert.export.card import build_card, predictions_folder, write_accuracy, write_pair
from convert.export.tflite import export_int8
from convert.networks.prosody import MienProsody
from convert.networks.voice import MienVoice
from convert.training.checkpoints import load_trained
from convert.voice.benchmark import INPUT_SHAPE, calibration_deviations, compute_deviations, split_windows
from convert.voice.ensemble_weights import pair_up
from convert.voice.novelty import measure_distances
from convert.voice.prosody_task import load_material
from convert.voice.protocols import PROSODY_RUNS
from convert.voice.task import calibration_inputs
from device.emotions import EMOTIONS, NO_SPEECH, Floats
from device.perception.audio.prosody import PROSODY
from device.perception.models.card import Corpus
from device.perception.models.model import Model
from device.perception.tflite import Network
from device.perception.voice.classifier import VoiceReader

_CORPORA = (
    Corpus("RAVDESS speech and song, actors 1-16", "CC BY-NC-SA 4.0"),
    Corpus("TESS", "CC BY-NC-ND 4.0"),
    Corpus("SAVEE, speakers DC and JE", "research"),
    Corpus("ESC-10, four fifths, as what is no voice", "CC BY"),
)


def quantize(name: str, run: Path, data: Path, out: Path, rows: int | None = None) -> dict[str, float]:
    """Write the int8 network of `run`/best.pt and its card; what was measured, in per cent.

    `voice` comes before `prosody`, which writes on both cards. `rows` limits what is read, for a quick check. Raises
    ModelError when `run` is not trained, damaged or of another recipe.
    """
    return _voice(run, data, out, rows) if name == "voice" else _prosody(run, data, out, rows)


def _voice(run: Path, data: Path, out: Path, rows: int | None) -> dict[str, float]:
    network = load_trained("voice", run, MienVoice())
    content, _ = export_int8(network, INPUT_SHAPE, calibration_inputs(data, rows))
    int8 = Network(content, "voice")
    clips = read_clips(data, "validation", rows)
    logits = [np.mean([int8.run(x)[0][0] for x in split_windows(clip.real)], axis=0) for clip in clips]
    # What is fitted is what the device says once it has taken no_speech off: the emotions among themselves.
    watched = _of_clips(clips, np.array(logits, np.float32)[:, : len(EMOTIONS)])
    write_pair(out, content, build_card("voice", content, INPUT_SHAPE, watched, _CORPORA, (NO_SPEECH,)))
    reader = VoiceReader(Model("voice", out))
    asked = read_clips(data, "test", rows)
    said = [read_clip(reader, clip.real) for clip in asked]
    even = np.full(len(EMOTIONS), 1 / len(EMOTIONS), np.float32)
    heard = _of_clips(asked, np.log(np.array([even if p is None else p for p in said]) + 1e-6))
    figures = {
        f"{corpus}, speakers kept out, this network alone, UAR": recall(own.read, own.truth)
        for corpus in sorted(set(heard.corpora.tolist()))
        for own in [heard.where(heard.corpora == corpus)]
    }
    return write_accuracy(out, "voice", figures)


def _prosody(run: Path, data: Path, out: Path, rows: int | None) -> dict[str, float]:
    """The prosodic pair; and on both voice cards, to what powers the two networks' answers are multiplied.

    What they say of validation is kept beside the benchmarks' answers: the powers are fitted on all of these.
    """
    network = load_trained("prosody", run, MienProsody())
    heard = load_material(data, PROSODY_RUNS["prosody"], rows)
    shape = (1, PROSODY)
    content, _ = export_int8(network, shape, calibration_deviations(heard))
    int8 = Network(content, "prosody")
    watched = [i for i, clip in enumerate(heard.clips) if clip.speaker in VALIDATION][:rows]
    seven = slice(len(EMOTIONS))
    clips = [heard.clips[i] for i in watched]
    said, said_known = (
        _of_clips(clips, np.array([int8.run(x)[0][0] for x in asked], np.float32)[:, seven])
        for asked in (compute_deviations(heard, watched, known=known) for known in (False, True))
    )
    card = build_card("prosody", content, shape, said, _CORPORA, (NO_SPEECH,))
    picture = Model("voice", out)
    shown = [np.mean([picture.network.run(x)[0][0] for x in split_windows(clip.real)], axis=0)[seven] for clip in clips]
    seen = _of_clips(clips, np.array(shown, np.float32))
    kept = predictions_folder(out, rows)
    seen.save(kept / "voice-validation.npz")
    said.save(kept / "prosody-validation-stranger.npz")
    said_known.save(kept / "prosody-validation.npz")
    centre, spread = (tuple(round(float(v), 6) for v in row) for row in (heard.stages.centre, heard.stages.spread))
    write_pair(out, content, msgspec.structs.replace(card, centre=centre, spread=spread))
    measure_distances(data, out, kept, rows)
    pair_up(out, kept)
    figures = {}
    tested = [i for i, clip in enumerate(heard.clips) if PROSODY_RUNS["prosody"].tested(clip)][:rows]
    for words, known in (("never heard", False), ("heard before, without labels", True)):
        answers = np.array([int8.run(x)[0][0] for x in compute_deviations(heard, tested, known=known)], np.float32)[
            :, seven
        ]
        p = _of_clips([heard.clips[i] for i in tested], answers)
        for corpus in sorted(set(p.corpora.tolist())):
            own = p.where(p.corpora == corpus)
            figures[f"{corpus}, speakers kept out and {words}, UAR"] = recall(own.read, own.truth)
    return write_accuracy(out, "prosody", figures)


def _of_clips(clips: list[Clip], logits: Floats) -> Predictions:
    return Predictions(
        tuple(e.value for e in EMOTIONS),
        logits,
        np.array([clip.emotion for clip in clips]),
        np.array([clip.name for clip in clips]),
        np.array([clip.speaker for clip in clips]),
        np.array([clip.corpus for clip in clips]),
    )
