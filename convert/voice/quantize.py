"""Exports trained voice networks for the device: int8, their cards, and the exponents of both."""

from pathlib import Path

import msgspec
import numpy as np

from convert.datasets.speech.clips import VALIDATION
from convert.evaluation.metrics import recall
from convert.evaluation.predictions import Predictions, predict_clips
from convert.evaluation.shipped import fill_missing, read_clip, read_clips
from convert.export.card import build_card, predictions_folder, write_accuracy, write_pair
from convert.export.tflite import export_int8
from convert.networks.prosody import MienProsody
from convert.networks.voice import MienVoice
from convert.training.checkpoints import load_trained
from convert.voice.benchmark import (
    INPUT_SHAPE,
    average_windows,
    calibration_deviations,
    compute_deviations,
    split_windows,
)
from convert.voice.ensemble_weights import pair_up
from convert.voice.novelty import measure_distances
from convert.voice.prosody_task import load_material
from convert.voice.protocols import PROSODY_RUNS
from convert.voice.task import calibration_inputs
from device.emotions import EMOTIONS, NO_SPEECH
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
    """Write the int8 network of `run`/best.pt and its card; returns the measurements in per cent.

    `voice` comes before `prosody`, which updates both cards. `rows` limits the rows read, for a quick check. Raises
    ModelError when `run` is not trained, damaged, or of another network.
    """
    return _voice(run, data, out, rows) if name == "voice" else _prosody(run, data, out, rows)


def _voice(run: Path, data: Path, out: Path, rows: int | None) -> dict[str, float]:
    network = load_trained("voice", run, MienVoice())
    content, _ = export_int8(network, INPUT_SHAPE, calibration_inputs(data, rows))
    clips = read_clips(data, "validation", rows)
    logits = average_windows(Network(content, "voice"), [split_windows(clip.real) for clip in clips])
    # Fitted on what the device reports, the emotions without no_speech.
    validation = predict_clips(logits[:, : len(EMOTIONS)], clips, with_sex=False)
    write_pair(out, content, build_card("voice", content, INPUT_SHAPE, validation, _CORPORA, (NO_SPEECH,)))
    reader = VoiceReader(Model("voice", out))
    test_clips = read_clips(data, "test", rows)
    seven = np.log(fill_missing([read_clip(reader, clip.real) for clip in test_clips]) + 1e-6)
    test = predict_clips(seven, test_clips, with_sex=False)
    figures = {
        f"{corpus}, speakers kept out, this network alone, UAR": recall(own.prediction, own.truth)
        for corpus in sorted(set(test.corpora.tolist()))
        for own in [test.select(test.corpora == corpus)]
    }
    return write_accuracy(out, "voice", figures)


def _prosody(run: Path, data: Path, out: Path, rows: int | None) -> dict[str, float]:
    """Export the prosody network, and write the exponents of both networks on both cards.

    Their predictions on validation are saved beside the benchmarks': the exponents are fitted on all of these.
    """
    network = load_trained("prosody", run, MienProsody())
    material = load_material(data, PROSODY_RUNS["prosody"], rows)
    content, _ = export_int8(network, (1, PROSODY), calibration_deviations(material))
    int8 = Network(content, "prosody")

    def predict(chosen: list[int], *, known: bool) -> Predictions:
        inputs = compute_deviations(material, chosen, known=known)
        logits = np.array([int8.run(x)[0][0] for x in inputs], np.float32)[:, : len(EMOTIONS)]
        return predict_clips(logits, [material.clips[i] for i in chosen], with_sex=False)

    validation = [i for i, clip in enumerate(material.clips) if clip.speaker in VALIDATION][:rows]
    new, known = (predict(validation, known=known) for known in (False, True))
    card = build_card("prosody", content, (1, PROSODY), new, _CORPORA, (NO_SPEECH,))
    clips = [material.clips[i] for i in validation]
    logits = average_windows(Model("voice", out).network, [split_windows(clip.real) for clip in clips])
    folder = predictions_folder(out, rows)
    predict_clips(logits[:, : len(EMOTIONS)], clips, with_sex=False).save(folder / "voice-validation.npz")
    new.save(folder / "prosody-validation-stranger.npz")
    known.save(folder / "prosody-validation.npz")
    rounded = [tuple(round(float(v), 6) for v in row) for row in (material.stages.centre, material.stages.spread)]
    write_pair(out, content, msgspec.structs.replace(card, centre=rounded[0], spread=rounded[1]))
    measure_distances(data, out, folder, rows)
    pair_up(out, folder)
    figures = {}
    test = [i for i, clip in enumerate(material.clips) if PROSODY_RUNS["prosody"].tests(clip)][:rows]
    for words, is_known in (("never heard", False), ("heard before, without labels", True)):
        p = predict(test, known=is_known)
        for corpus in sorted(set(p.corpora.tolist())):
            own = p.select(p.corpora == corpus)
            figures[f"{corpus}, speakers kept out and {words}, UAR"] = recall(own.prediction, own.truth)
    return write_accuracy(out, "prosody", figures)
