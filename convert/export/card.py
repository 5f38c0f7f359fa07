"""Writes the model card and the pair of files that the device loads, for every network's `quantize`."""

import hashlib
from pathlib import Path

import msgspec

from convert.evaluation.metrics import f1, fit_temperature, fit_unknown_below
from convert.evaluation.predictions import SAVED_PREDICTIONS, Predictions
from device import __version__
from device.emotions import EMOTIONS, softmax
from device.perception.models.card import Card, Corpus, Golden
from device.perception.models.inputs import INPUTS
from device.perception.models.model import Model, ramp
from device.perception.tflite import Network

_LIMITS = (
    "Trained on acted or posed, mostly Western material. It reads how a face looks or a voice sounds, not what "
    "a person feels. Not for work, school, policing, health or any decision about a person."
)


def predictions_folder(out: Path, rows: int | None) -> Path:
    """Where predictions are saved: with the committed ones, or below `out` for a quick check."""
    return out / SAVED_PREDICTIONS.name if rows is not None else SAVED_PREDICTIONS


def build_card(
    name: str,
    content: bytes,
    shape: tuple[int, ...],
    validation: Predictions,
    corpora: tuple[Corpus, ...],
    extra_labels: tuple[str, ...] = (),
) -> Card:
    """The card without its accuracies; `validation` holds the int8 network's predictions."""
    network = Network(content, name)
    temperature = fit_temperature(validation.logits, validation.truth)
    return Card(
        name=name,
        version=__version__,
        labels=tuple(e.value for e in EMOTIONS) + extra_labels,
        input_shape=shape,
        input=INPUTS[name],
        sha256=hashlib.sha256(content).hexdigest(),
        temperature=temperature,
        f1=tuple(round(v, 4) for v in f1(validation.prediction, validation.truth, len(EMOTIONS))),
        unknown_below=fit_unknown_below(softmax(validation.logits, temperature), validation.truth),
        corpora=corpora,
        accuracy={},
        golden=Golden(tuple(int(v) for v in network.run_raw(ramp(network.inputs[0]))[0].ravel())),
        limits=_LIMITS,
    )


def write_pair(out: Path, content: bytes, card: Card) -> None:
    """Write the pair into the folder `out`."""
    out.mkdir(parents=True, exist_ok=True)
    (out / f"{card.name}.tflite").write_bytes(content)
    (out / f"{card.name}.json").write_bytes(msgspec.json.format(msgspec.json.encode(card), indent=1) + b"\n")


def write_accuracy(out: Path, name: str, figures: dict[str, float]) -> dict[str, float]:
    """Write `figures`, measured on the pair in `out`, on its card; returns them rounded."""
    model = Model(name, out)
    rounded = {key: round(value, 2) for key, value in figures.items()}
    write_pair(out, (out / f"{name}.tflite").read_bytes(), msgspec.structs.replace(model.card, accuracy=rounded))
    return rounded
