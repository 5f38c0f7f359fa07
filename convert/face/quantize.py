"""Exports a trained face network for the device: int8 with both heads, the card, and its predictions on PrivateTest."""

from pathlib import Path

import msgspec
import numpy as np
import torch

from convert.datasets.pictures.fer2013 import Faces, Fer2013
from convert.evaluation.metrics import accuracy, accuracy_on_surest, calibration_error, fit_neutral_prior, recall
from convert.evaluation.shipped import (
    AS_PUBLISHED,
    FERPLUS_WEIGHT,
    make_face_predictions,
    predict_faces,
    read_private_test,
)
from convert.export.card import build_card, predictions_folder, write_accuracy, write_pair
from convert.export.tflite import BothHeads, export_int8
from convert.networks.face import MienFace, add_ferplus_logits
from convert.training.checkpoints import load_trained
from device.emotions import Floats, softmax
from device.perception.face.classifier import face_input
from device.perception.models.card import Corpus
from device.perception.models.inputs import FACE_PX
from device.perception.models.model import Model
from device.perception.tflite import Network

_SHAPE = (1, FACE_PX, FACE_PX, 1)
_CORPORA = (
    Corpus("FER2013 Training, without copies of its test sets", "Kaggle ICML 2013, research"),
    Corpus("FER+ votes for the same pictures", "MIT"),
)


def quantize(name: str, run: Path, data: Path, out: Path, rows: int | None = None) -> dict[str, float]:
    """Write the int8 network of `run`/best.pt, and for `face` its card; returns the measurements in per cent.

    `rows` limits the rows read, for a quick check. `face-as-published` is written to convert/published: it is compared
    with published results by FER2013's labels, so FER+'s logits are not added to its seven. Raises ModelError when
    `run` is not trained, damaged, or of another network.
    """
    network = MienFace()
    load_trained(name, run, network)
    if name == "face":
        network = add_ferplus_logits(network, FERPLUS_WEIGHT)
    content, _ = export_int8(BothHeads(network), _SHAPE, _calibration_inputs(data))
    faces = read_private_test(data, rows=rows)
    emotions, ferplus = predict_float(network, faces)
    predictions = predictions_folder(out, rows)
    make_face_predictions(faces, emotions, ferplus)[0].save(predictions / f"{name}-float.npz")
    all_rows, votes = predict_faces(Network(content, name), faces)
    all_rows.save(predictions / f"{name}.npz")
    votes.save(predictions / f"{name}-ferplus.npz")
    if name == "face-as-published":
        path = AS_PUBLISHED if rows is None else out / "face-as-published.tflite"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return {
            "accuracy": accuracy(all_rows.prediction, all_rows.truth),
            "FER+": accuracy(votes.prediction, votes.truth),
        }
    validation = Fer2013(data / "fer2013").validation().first(rows or 10**6)
    validated, _ = predict_faces(Network(content, name), validation)
    card = build_card("face", content, _SHAPE, validated, _CORPORA)
    neutral_prior = fit_neutral_prior(softmax(validated.logits, card.temperature), validated.truth)
    write_pair(out, content, msgspec.structs.replace(card, neutral_prior=neutral_prior))
    clean = read_private_test(data, without_copies=True, rows=rows)
    model = Model("face", out)
    test, _ = predict_faces(model.network, clean)
    probabilities = softmax(test.logits, model.card.temperature)
    figures = {
        "FER2013 PrivateTest without copies (3,301), accuracy": accuracy(test.prediction, test.truth),
        "the same, UAR": recall(test.prediction, test.truth),
        "the same, expected calibration error": calibration_error(probabilities, test.truth),
        "the same, accuracy on the surest 70 %": accuracy_on_surest(probabilities, test.truth),
        "FER+ majority (3,153), accuracy": accuracy(votes.prediction, votes.truth),
    }
    return write_accuracy(out, "face", figures)


def _calibration_inputs(data: Path) -> list[Floats]:
    pictures = Fer2013(data / "fer2013").training().pictures
    chosen = np.random.default_rng(0).choice(len(pictures), min(1000, len(pictures)), replace=False)
    return [face_input(pictures[i]) for i in chosen]


def predict_float(network: MienFace, faces: Faces) -> tuple[Floats, Floats]:
    """Logits (n, 7) and (n, 8) of the float network."""
    heads = []
    with torch.inference_mode():
        for start in range(0, len(faces), 256):
            inputs = np.concatenate([face_input(p) for p in faces.pictures[start : start + 256]])
            heads.append(network.both(torch.from_numpy(inputs).permute(0, 3, 1, 2)))
    return torch.cat([a for a, _ in heads]).numpy(), torch.cat([b for _, b in heads]).numpy()
