"""A FaceDetector of two networks: the far one proposes faces, the near one takes close looks and decides.

Alone, the far network either misses small faces or sees faces in curtains. With a low threshold (PROPOSED) it proposes
nearly every face. The near network then looks at each proposal in three crops, and tells a face from a curtain: a
real face is found in all three, with the eyes in the same places (`python -m convert detection-range` measures both).
"""

import math

import numpy as np

from device.perception.face.detector import FaceDetector, Pixels, corners, overlap
from device.readings import Face

MIN_SCORE = 0.66
"""The default minimum score of a face."""
_LENIENT_SHARE = 0.76
"""A lenient detector accepts this share of the minimum score: 0.5 with the default."""
PROPOSED = 0.15
"""The far network's minimum score for a close look."""
FAINT = 0.3
"""The near network's minimum score in each of three close looks."""
_MIN_KNOWN_SCORE = 0.5
"""A close look's minimum score for a face that was there a moment ago."""
_HALF_SIDES = (1.35, 1.0, 0.75)
"""Half the side of each crop for the near network, in faces; the one that decides best on its own comes first."""
_TIGHT = 1.0
"""The crop with half a face of space on each side, as in the near network's training: it places eyes best."""
_FAR_WEIGHT = 0.15
_JITTER_WEIGHT = 5.0
"""Subtracted from the score for key points that differ between the looks, in face widths: about 0.03 for
a face, 0.12 for a curtain."""
_SAME = 0.3
"""Intersection over union above which two boxes belong to one face."""
MIN_PX = 8
"""A narrower crop gets no close look."""
_MAX_PROPOSALS = 12
"""How many proposals get a close look, the strongest first."""


class TwoStageDetector:
    """A FaceDetector: `far` proposes, `near` decides and finds the eyes.

    The far network's key points are coarse: with faces aligned by them, accuracy on FER2013 faces placed in a room
    is 5 points below the published crops; with the close look's key points, 1.4 (`python -m convert framing`).
    """

    def __init__(self, far: FaceDetector, near: FaceDetector, min_score: float = MIN_SCORE) -> None:
        """`far` has the minimum score PROPOSED, `near` has FAINT; a new face needs `min_score`."""
        self._far, self._near, self._min_score = far, near, min_score

    def lenient(self) -> "TwoStageDetector":
        """The same two networks with three quarters of the minimum score: painted faces score that much lower.

        For files in which no face was found, although one is expected.
        """
        return TwoStageDetector(self._far, self._near, _LENIENT_SHARE * self._min_score)

    def find(self, pixels: Pixels) -> list[Face]:
        """Faces in (h, w, 3) uint8 RGB, most confident first; boxes and key points come from the close look."""
        found: list[Face] = []
        for proposed in self._far.find(pixels)[:_MAX_PROPOSALS]:
            face = self._decide(pixels, proposed)
            if face is not None and face.score >= self._min_score and not is_among(face, found):
                found.append(face)
        return sorted(found, key=lambda face: -face.score)

    def closer(self, pixels: Pixels, face: Face) -> Face | None:
        """A close look at the place where `face` was a moment ago; None if there is no face now."""
        found = self._look(pixels, face, _TIGHT)
        return found if found is not None and found.score >= _MIN_KNOWN_SCORE else None

    def _decide(self, pixels: Pixels, proposed: Face) -> Face | None:
        """Judges a proposal by three close looks together; None if it is not a face."""
        looks: list[Face] = []
        for half_side in _HALF_SIDES:
            found = self._look(pixels, proposed, half_side)
            if found is None or (not looks and found.score < _MIN_KNOWN_SCORE):
                return None
            looks.append(found)
        points = np.array([look.key_points for look in looks])
        jitter = float(np.sqrt(np.square(points - points.mean(axis=0)).sum(axis=2).mean())) / proposed.box[2]
        near = sum(_logit(look.score) for look in looks) / len(looks)
        score = near + _FAR_WEIGHT * _logit(proposed.score) - _JITTER_WEIGHT * jitter
        tight = looks[_HALF_SIDES.index(_TIGHT)]
        return Face(tight.box, 1 / (1 + math.exp(-score)), tight.key_points)

    def _look(self, pixels: Pixels, face: Face, half_side: float) -> Face | None:
        x, y, width, height = face.box
        half = half_side * max(width, height)
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


def is_among(face: Face, others: list[Face]) -> bool:
    """Whether a face is one of `others`, judged by the overlap of their boxes."""
    return any(overlap(corners(face.box), corners(other.box)[None])[0] > _SAME for other in others)


def _logit(share: float) -> float:
    bounded = min(max(share, 1e-3), 1 - 1e-3)
    return math.log(bounded / (1 - bounded))
