"""The outline of the face in a picture."""

import numpy as np

from convert.face.student.key_points import TYPICAL_POINTS
from convert.face.student.outlines import average_outline, find_black_outlines, fit_outlines
from tests.convert.portraits import portrait


def test_black_inside_the_face_belongs_to_it_and_black_around_it_does_not() -> None:
    picture = portrait(1)
    picture[30:34, 20:26] = 0  # a dark pupil
    outline = find_black_outlines(picture[None])[0]
    assert outline[31, 22] == 255
    assert outline[0, 0] == 0
    assert 0.5 < (outline == 255).mean() < 0.75, "the oval"


def test_an_outline_follows_the_key_points() -> None:
    outlines = find_black_outlines(np.stack([portrait(seed) for seed in range(4)]))
    average = average_outline(outlines, np.repeat(TYPICAL_POINTS[None], 4, axis=0))
    assert average[32, 32] == 1
    assert average[0, 0] == 0
    moved = TYPICAL_POINTS + np.array([0.2, 0.0], np.float32)
    straight, right = fit_outlines(average, np.stack([TYPICAL_POINTS, moved]), 48)
    assert right[24, 46] > 128 > straight[24, 46]
    centres = [np.average(np.arange(48), weights=mask.sum(axis=0)) for mask in (straight, right)]
    assert centres[1] - centres[0] > 5
