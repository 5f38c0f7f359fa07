"""Measures how much `mien baseline record` helps."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from convert.datasets.pictures.fer2013 import Faces, Fer2013
from convert.evaluation.metrics import NEUTRAL, accuracy, recall
from convert.evaluation.shipped import (
    fill_missing,
    load_shipped,
    load_voice_reader,
    predict_faces,
    read_clip,
    read_clips,
    read_private_test,
)
from convert.report.tables import format_table
from device.emotions import EMOTIONS, Emotion, Floats, softmax
from device.perception.models.card import MODELS
from device.perception.mood.baseline import apply_correction, correction, neutral_prior

_SAD_OR_ANGRY = [EMOTIONS.index(Emotion.SAD), EMOTIONS.index(Emotion.ANGRY)]
Picture = npt.NDArray[np.uint8]
_PX = 48


def _predict_faces(faces: Faces, models: Path) -> Floats:
    model = load_shipped("face", models)
    predictions, _ = predict_faces(model.network, faces)
    return softmax(predictions.logits, model.card.temperature)


def _tilt(shift_px: float) -> Callable[[Picture], Picture]:
    """Change the perspective: the camera is below the face (positive) or above it."""
    top, bottom = max(shift_px, 0.0), max(-shift_px, 0.0)
    corners = np.array([[0, 0], [_PX, 0], [_PX, _PX], [0, _PX]], np.float32)
    moved = np.array([[top, 0], [_PX - top, 0], [_PX - bottom, _PX], [bottom, _PX]], np.float32)
    matrix = cv2.getPerspectiveTransform(corners, moved)

    def tilt(picture: Picture) -> Picture:
        return _to_bytes(cv2.warpPerspective(picture, matrix, (_PX, _PX), borderMode=cv2.BORDER_REPLICATE))

    return tilt


def _dim(picture: Picture) -> Picture:
    return _to_bytes(0.25 * picture + np.random.default_rng(int(picture.sum())).normal(0, 5, picture.shape))


def _far(picture: Picture) -> Picture:
    small = cv2.resize(picture, (20, 20), interpolation=cv2.INTER_AREA)
    return _to_bytes(cv2.resize(small, (_PX, _PX), interpolation=cv2.INTER_LINEAR))


def _light_from_above(picture: Picture) -> Picture:
    return _to_bytes(1.2 * np.linspace(1, 0.25, _PX)[:, None] * picture)


def _to_bytes(picture: "npt.NDArray[np.generic]") -> Picture:
    return np.clip(picture, 0, 255).astype(np.uint8)


PLACES: dict[str, Callable[[Picture], Picture]] = {
    "camera below the face": _tilt(8),
    "camera above the face": _tilt(-8),
    "a lamp above": _light_from_above,
    "a dim room": _dim,
    "far away: 20 px": _far,
}
"""By place, the function that changes a face to look as if it were there."""

Row = tuple[str, str, str, str, str]


def section(data: Path, models: Path = MODELS) -> str:
    """The report's section on the recorded baseline."""
    rows = [*_places(data, models), *_speakers(data, models)]
    return (
        "## A household's neutral: `mien baseline record`\n\n"
        "Before and after the recorded baseline is subtracted. Faces: FER2013 does not say who is in a picture: this "
        "measures not one person's face but the effect of a place on all faces. The neutral faces of PublicTest under "
        "one change are recorded, and PrivateTest's (3,301) under the same change are tested. Voices: for each test "
        "speaker, every second neutral clip is recorded and all others are tested. The UAR shows the cost to the other "
        "emotions.\n\n"
        + format_table(
            ("per cent", "neutral predicted as sad or angry", "neutral correct", "accuracy, all", "UAR, all"), rows
        )
    )


def _places(data: Path, models: Path) -> list[Row]:
    validation, test = Fer2013(data / "fer2013").validation(), read_private_test(data, without_copies=True)
    is_neutral = validation.labels == NEUTRAL
    neutral = Faces(validation.pictures[is_neutral], validation.labels[is_neutral], validation.counts[is_neutral])
    prior = load_shipped("face", models).card.neutral_prior
    rows = []
    for name, change in PLACES.items():
        recorded_faces, test_faces = (
            _predict_faces(replace(faces, pictures=np.stack([change(picture) for picture in faces.pictures])), models)
            for faces in (neutral, test)
        )
        offset = correction(prior, neutral_prior(list(recorded_faces)).shares)
        rows.append(_row(name, test_faces, apply_correction(test_faces, offset), test.labels))
    return rows


def _speakers(data: Path, models: Path) -> list[Row]:
    clips = read_clips(data, "test")
    reader, truth = load_voice_reader(models), np.array([clip.emotion for clip in clips])
    predictions = fill_missing([read_clip(reader, clip.real) for clip in clips])
    prior = load_shipped("prosody", models).card.neutral_prior
    rows = []
    for corpora, words in ((("ravdess_speech", "ravdess_song"), "RAVDESS 21–24"), (("savee",), "SAVEE KL")):
        before, after, labels = [], [], []
        for speaker in sorted({clip.speaker for clip in clips if clip.corpus in corpora}):
            own = np.array([clip.speaker == speaker and clip.corpus in corpora for clip in clips])
            recorded = np.flatnonzero(own & (truth == NEUTRAL))[::2]
            own[recorded] = False
            offset = correction(prior, neutral_prior(list(predictions[recorded])).shares)
            before.append(predictions[own])
            after.append(apply_correction(predictions[own], offset))
            labels.append(truth[own])
        rows.append(_row(f"voices of {words}", np.concatenate(before), np.concatenate(after), np.concatenate(labels)))
    return rows


def _row(name: str, before: Floats, after: Floats, truth: npt.NDArray[np.int64]) -> Row:
    is_neutral = truth == NEUTRAL

    def change(metric: Callable[[npt.NDArray[np.int64]], float]) -> str:
        return f"{metric(before.argmax(axis=1)):.1f} → {metric(after.argmax(axis=1)):.1f}"

    return (
        name,
        change(lambda read: 100 * float(np.isin(read[is_neutral], _SAD_OR_ANGRY).mean())),
        change(lambda read: 100 * float((read[is_neutral] == NEUTRAL).mean())),
        change(lambda read: accuracy(read, truth)),
        change(lambda read: recall(read, truth)),
    )
