"""Makes of a stage's network what ships: int8, its card, and its saved predictions on PrivateTest."""

from functools import partial
from pathlib import Path

from convert.datasets.pictures.fer2013 import Fer2013
from convert.datasets.pictures.people import read_people
from convert.evaluation.metrics import accuracy_on_surest
from convert.evaluation.predictions import SAVED_PREDICTIONS
from convert.evaluation.shipped import make_face_predictions, predict_faces, read_private_test
from convert.export.card import build_card, write_accuracy, write_pair
from convert.face.quantize import predict_float
from convert.face.student.data import read_webfaces
from convert.face.student.familiarity import join_validation, predict_validation_sets, with_familiarity
from convert.face.student.quantize import merge_stage
from convert.face.student.strangers import StrangerSets, measure_strangers
from device.perception.face.familiarity import face_probabilities
from device.perception.models.card import MODELS, Corpus
from device.perception.models.model import Model
from device.perception.tflite import Network

CORPORA = (
    Corpus("FER2013 Training, without copies of its test sets", "Kaggle ICML 2013, research"),
    Corpus("FER+ votes for the same pictures", "MIT"),
    Corpus("webfaces, its train split", "AffectNet's terms: research, non-commercial, no redistribution"),
)


def ship_stage(name: str, runs: Path, data: Path, out: Path, rows: int | None = None) -> dict[str, float]:
    """Write face.tflite, face.json and the saved predictions; returns the card's figures in per cent.

    `rows` limits the test pictures and allows incomplete sets, for a quick check. Raises ModelError when the stage is
    not trained, MediaError when a dataset is missing.
    """
    merged = merge_stage(name, runs, data, rows)
    print(f"{name}: {len(merged.content) / 1e3:.0f} kB; heads: {merged.choices[0]}", flush=True)
    network = Network(merged.content, name)
    familiar, strange = predict_validation_sets(network, data, rows)
    card = build_card("face", merged.content, merged.shape, join_validation(familiar), CORPORA)
    write_pair(out, merged.content, with_familiarity(card, familiar, strange))
    faces = read_private_test(data, rows=rows)
    predictions = SAVED_PREDICTIONS if out.resolve() == MODELS else out / SAVED_PREDICTIONS.name
    make_face_predictions(faces, *predict_float(merged.network, faces))[0].save(predictions / "face-float.npz")
    for kind, part in zip(("", "-ferplus"), predict_faces(network, faces), strict=True):
        part.save(predictions / f"face{kind}.npz")
    return write_accuracy(out, "face", _measure(Model("face", out), data, rows))


def _measure(model: Model, data: Path, rows: int | None) -> dict[str, float]:
    """The card's figures."""
    part = rows is not None
    fer2013 = Fer2013(data / "fer2013", part=part)
    clean = fer2013.test(without_copies=True).first(rows or 10**6)
    sets = StrangerSets(
        fer2013.validation().first(rows or 10**6),
        fer2013.test().first(rows or 10**6),
        clean,
        read_webfaces(data / "webfaces", part=part).test(),
        read_people(data / "webfaces", part=part),
    )
    calibrate = partial(face_probabilities, card=model.card)
    figures = measure_strangers(model.network, sets, calibrate).figures
    test, _ = predict_faces(model.network, clean)
    return {
        "FER2013 PrivateTest without copies (3,301), accuracy": figures["FER2013 PrivateTest 3,301, accuracy"],
        "the same, UAR": figures["FER2013 PrivateTest 3,301, UAR"],
        "the same, expected calibration error": figures["FER2013 PrivateTest 3,301, calibration error"],
        "the same, accuracy on the surest 70 %": accuracy_on_surest(calibrate(test.logits), test.truth),
        "FER+ majority (3,153), accuracy": figures["FER+ majority (3,153), accuracy"],
        "webfaces' test (2,904), accuracy": figures["webfaces' test (2,904), accuracy"],
    }
