"""From a trained run to a model pair: quantize, calibrate on validation, measure on test, write the card."""

import hashlib
import tempfile
from pathlib import Path

import msgspec
import numpy as np
import torch

from convert.evaluate import Figures, f1, face_logits, measure, voice_logits
from convert.export import to_float_tflite, to_int8
from device import __version__
from device.emotions import EMOTIONS, Floats, softmax
from device.sense.model import Card, Corpus, Golden, ramp
from device.sense.tflite import Network
from device.sense.voice import NO_SPEECH

_LIMITS = (
    "Trained on acted or posed, mostly Western material. It reads how a face looks or a voice sounds, not what "
    "a person feels. Not for work, school, policing, health or any decision about a person."
)
FACE_CORPORA = (
    Corpus("FER2013 Training, without copies of its test sets", "Kaggle ICML 2013, research"),
    Corpus("FER+ votes for the same pictures", "MIT"),
)
VOICE_CORPORA = (
    Corpus("RAVDESS speech and song, actors 1-16", "CC BY-NC-SA 4.0"),
    Corpus("TESS", "CC BY-NC-ND 4.0"),
    Corpus("SAVEE, speakers DC and JE", "research"),
    Corpus("ESC-10, four fifths, as what is no voice", "CC BY"),
)


def temperature_of(logits: Floats, labels: np.ndarray) -> float:
    """The temperature in 0.3..5 under which the labels (n,) are likeliest given logits (n, k)."""
    candidates = np.exp(np.linspace(np.log(0.3), np.log(5), 141))
    rows = np.arange(len(labels))
    losses = [-np.log(softmax(logits, float(t))[rows, labels] + 1e-9).mean() for t in candidates]
    return round(float(candidates[int(np.argmin(losses))]), 3)


def quantize(name: str, run: Path, data: Path, out: Path, rows: int | None = None) -> Figures:
    """Write `out`/NAME.tflite and NAME.json from `run`/best.pt; `rows` limits the validation, for a quick check."""
    out.mkdir(parents=True, exist_ok=True)
    network, calibration, shape = _face(run, data) if name == "face" else _voice(run, data, rows)
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/float.tflite"
        to_float_tflite(network, shape, path)
        content = to_int8(path, calibration)
    int8 = Network(content, f"{name}.tflite")
    logits, labels = (face_logits if name == "face" else voice_logits)(int8, data, "validation", rows)
    temperature = temperature_of(logits, labels)
    read = logits[:, : len(EMOTIONS)].argmax(axis=1)
    card = Card(
        name=name,
        version=__version__,
        labels=tuple(e.value for e in EMOTIONS) + (() if name == "face" else (NO_SPEECH,)),
        input_shape=shape,
        input="48x48 gray face, device.sense.prepare.face_input"
        if name == "face"
        else "3 s of log-mel, device.sense.prepare.voice_input",
        sha256=hashlib.sha256(content).hexdigest(),
        temperature=temperature,
        f1=tuple(round(v, 4) for v in f1(read, labels)),
        corpora=FACE_CORPORA if name == "face" else VOICE_CORPORA,
        accuracy={},
        golden=Golden(tuple(int(v) for v in int8.run_raw(ramp(int8.inputs[0]))[0].ravel())),
        limits=_LIMITS,
    )
    (out / f"{name}.tflite").write_bytes(content)
    _write(card, out)
    figures = measure(name, data, out, rows)
    _write(msgspec.structs.replace(card, accuracy=figures.as_dict()), out)
    return figures


def _write(card: Card, out: Path) -> None:
    pretty = msgspec.json.format(msgspec.json.encode(card), indent=1)
    (out / f"{card.name}.json").write_bytes(pretty + b"\n")


def _face(run: Path, data: Path) -> tuple[torch.nn.Module, list[Floats], tuple[int, ...]]:
    from convert.corpora.fer2013 import Fer2013
    from convert.recipes.mien_face import MienFace
    from device.sense.prepare import FACE_PX, face_input

    network = MienFace()
    network.load_state_dict(torch.load(run / "best.pt", map_location="cpu", weights_only=True))
    pictures = Fer2013(data / "fer2013").training().pictures
    chosen = np.random.default_rng(0).choice(len(pictures), min(400, len(pictures)), replace=False)
    return network, [face_input(pictures[i]) for i in chosen], (1, FACE_PX, FACE_PX, 1)


def _voice(run: Path, data: Path, rows: int | None) -> tuple[torch.nn.Module, list[Floats], tuple[int, ...]]:
    from convert.recipes.mien_voice import MienVoice
    from convert.train_voice import calibration_inputs
    from device.sense.features import BANDS
    from device.sense.prepare import WINDOW_FRAMES

    network = MienVoice()
    network.load_state_dict(torch.load(run / "best.pt", map_location="cpu", weights_only=True))
    return network, calibration_inputs(data, rows), (1, WINDOW_FRAMES, BANDS, 1)
