"""A FaceDetector of two networks: one proposes faces, far and wide, the other takes close looks and decides.

The far network alone has to choose between missing small faces and seeing faces in curtains. Its faint suspicions
(PROPOSED) hold nearly every face, and the near network, shown just that place in three ways, tells a face from a
curtain: it says so with each, and of a face its eyes are where they were (`python -m convert reach` measures both).
"""

import math

import numpy as np

from device.perception.face.detector import FaceDetector, Pixels, corners, overlap
from device.readings import Face

MIN_SCORE = 0.66
"""From this score on, what was proposed is a face."""
_DOUBTED = 0.76
"""Of the least score, what is enough for one who doubts: a score of a half."""
PROPOSED = 0.15
"""A far look's score that is worth a close look."""
FAINT = 0.3
"""The least that a close look may say where three are taken together."""
_HELD = 0.5
"""A close look's score that is enough for a face that was there a moment ago."""
_REACHES = (1.35, 1.0, 0.75)
"""Half the sides of what the near network is shown, in faces; first the one that decides best alone."""
_TIGHT = 1.0
"""Half a face of air on each side, as the near network was trained: it places eyes best."""
_FAR_COUNTS = 0.15
_RESTLESS = 5.0
"""What is taken off for key points that stand elsewhere in each look, a face's width being 1: 0.03 is usual of a face,
0.12 of a curtain."""
_SAME = 0.3
"""Intersection over union from which on two boxes are of one face."""
MIN_PX = 8
"""What is narrower is not looked at closely."""
_MAX_PROPOSALS = 12
"""Proposals of one look that are looked at closely, the strongest."""


class TwoStageDetector:
    """A FaceDetector: `far` proposes, `near` decides and finds the eyes.

    The far network's key points are coarse: FER2013 faces in a room, aligned by them, are read right 5 points less
    often than as published; after the close look, 1.4 points (`python -m convert framing`).
    """

    def __init__(self, far: FaceDetector, near: FaceDetector, min_score: float = MIN_SCORE) -> None:
        """`far` gives whatever has PROPOSED, `near` what is FAINT; `min_score` is what a new face needs."""
        self._far, self._near, self._least_score = far, near, min_score

    def doubting(self) -> "TwoStageDetector":
        """The same two networks, content with three quarters of the score: dots of paint cost a face that much.

        For files in which nobody was found, and where somebody is to be expected.
        """
        return TwoStageDetector(self._far, self._near, _DOUBTED * self._least_score)

    def find(self, pixels: Pixels) -> list[Face]:
        """Faces in (h, w, 3) uint8 RGB, the surest first; boxes and key points are the close look's."""
        found: list[Face] = []
        for proposed in self._far.find(pixels)[:_MAX_PROPOSALS]:
            face = self._decided(pixels, proposed)
            if face is not None and face.score >= self._least_score and not same_as_one(face, found):
                found.append(face)
        return sorted(found, key=lambda face: -face.score)

    def closer(self, pixels: Pixels, face: Face) -> Face | None:
        """The near network's look at where `face` was a moment ago; None when it sees none there."""
        seen = self._look(pixels, face, _TIGHT)
        return seen if seen is not None and seen.score >= _HELD else None

    def _decided(self, pixels: Pixels, proposed: Face) -> Face | None:
        """What three close looks together say of a proposal."""
        looks: list[Face] = []
        for reach in _REACHES:
            seen = self._look(pixels, proposed, reach)
            if seen is None or (not looks and seen.score < _HELD):
                return None
            looks.append(seen)
        points = np.array([seen.key_points for seen in looks])
        apart = float(np.sqrt(np.square(points - points.mean(axis=0)).sum(axis=2).mean())) / proposed.box[2]
        near = sum(_logit(seen.score) for seen in looks) / len(looks)
        score = near + _FAR_COUNTS * _logit(proposed.score) - _RESTLESS * apart
        tight = looks[_REACHES.index(_TIGHT)]
        return Face(tight.box, 1 / (1 + math.exp(-score)), tight.key_points)

    def _look(self, pixels: Pixels, face: Face, reach: float) -> Face | None:
        x, y, width, height = face.box
        half = reach * max(width, height)
        left, top = max(int(x + width / 2 - half), 0), max(int(y + height / 2 - half), 0)
        part = pixels[top : int(y + height / 2 + half), left : int(x + width / 2 + half)]
        if min(part.shape[:2], default=0) < MIN_PX:
            return None
        corner = np.array([left, top], np.float32)
        for found in self._near.find(part):
            low = np.array(found.box[:2], np.float32) + corner
            moved = (float(low[0]), float(low[1]), found.box[2], found.box[3])
            if overlap(corners(moved), corners(face.box)[None])[0] > _SAME:
                return Face(moved, found.score, found.key_points + corner)
        return None


def same_as_one(face: Face, others: list[Face]) -> bool:
    """Whether a face's box is much that of another's."""
    return any(overlap(corners(face.box), corners(other.box)[None])[0] > _SAME for other in others)


def _logit(share: float) -> float:
    bounded = min(max(share, 1e-3), 1 - 1e-3)
    return math.log(bounded / (1 - bounded))
