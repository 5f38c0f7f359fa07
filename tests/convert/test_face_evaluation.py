"""How often calm faces are misread, and how predictions differ between groups of people."""

import numpy as np

from convert.datasets.pictures.people import People
from convert.evaluation.calm_faces import calm_misread
from convert.evaluation.face_groups import largest_difference, share_by_group
from device.emotions import EMOTIONS, Emotion, Floats

ANGRY, HAPPY, SAD, NEUTRAL = (
    EMOTIONS.index(emotion) for emotion in (Emotion.ANGRY, Emotion.HAPPY, Emotion.SAD, Emotion.NEUTRAL)
)


def _make_probabilities(*answers: tuple[int, float]) -> Floats:
    """Rows with a share for one emotion, and the rest spread equally over the others."""
    rows = np.zeros((len(answers), 7), np.float32)
    for row, (emotion, share) in zip(rows, answers, strict=True):
        row[:] = (1 - share) / 6
        row[emotion] = share
    return rows


def test_only_calm_faces_read_as_angry_or_sad_above_the_threshold_count() -> None:
    probabilities = _make_probabilities(
        (ANGRY, 0.9), (SAD, 0.41), (SAD, 0.39), (NEUTRAL, 0.9), (HAPPY, 0.9), (ANGRY, 0.9)
    )
    labels = np.array([NEUTRAL] * 5 + [ANGRY])
    assert calm_misread(probabilities, labels, 0.4) == 40
    assert calm_misread(probabilities, labels, 0.95) == 0
    assert calm_misread(probabilities, np.full(6, HAPPY), 0.4) == 0


def test_shares_by_group_and_their_largest_difference() -> None:
    people = People(
        np.zeros((4, 2, 2), np.uint8),
        np.array([5, 70, 12, 40]),
        np.array(["F", "F", "M", "M"]),
        np.array(["white", "black", "white", "white"]),
    )
    probabilities = _make_probabilities((ANGRY, 0.9), (SAD, 0.9), (ANGRY, 0.9), (HAPPY, 0.3))
    shares = share_by_group(people, probabilities, 0.4)
    by_name = {(each.grouping, each.group): each for each in shares}
    assert by_name["sex", "F"].shares == {"angry": 50, "sad": 50, "neutral": 0, "happy": 0}
    assert by_name["sex", "M"].shares == {"angry": 50, "sad": 0, "neutral": 0, "happy": 0}
    assert [each.group for each in shares if each.grouping == "age"] == ["0–9", "10–19", "35–49", "65 and over"]
    assert largest_difference(shares, "sex") == 50
    assert largest_difference(shares, "age") == 100
