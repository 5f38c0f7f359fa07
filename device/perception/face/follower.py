"""Follows the faces in view from frame to frame: close looks at known faces, and a search for others.

A close look costs a third of a search, and is taken only where something has changed. As long as the crop for the
network stays the same, the face keeps its place and its emotion.
"""

import math
from dataclasses import dataclass, replace

import numpy as np

from device.perception.face.align import cut_out
from device.perception.face.cpu_budget import CpuBudget
from device.perception.face.crop_change import follow_shift, look_alike, midway
from device.perception.face.detector import Pixels
from device.perception.face.search import Region, RegionScheduler
from device.perception.face.tiles import is_cut, move
from device.perception.face.two_stage import MIN_PX, TwoStageDetector, is_among
from device.readings import Face, Frame

_EVERY_S = 0.2
"""Time between two looks at a changing face, ..."""
_SHARED_S = 0.08
"""... or this times the number of faces, if longer: eight faces cost little more than twice as much as one."""
_CLOSE_S = 1.0
"""Time between two close looks at a changing face; the looks between them measure how far the crop has shifted."""
_MAX_UNCHECKED_S = 3.0
"""The longest time without a close look, even at a face that does not change."""
_WALKS = 0.12
"""A face that moved by more than this between two looks, in face widths, gets a look in every frame."""
_MAX_SEARCH_DELAY_S = 3.0
"""When the budget is short, known faces delay the search for new ones no longer than this."""
_AROUND = 3.0
"""How far around its last place to search for a lost face, in face sizes."""
MAX_FACES = 8


@dataclass(eq=False)
class KnownFace:
    """Somebody in view."""

    face: Face
    """With the crop of the last look."""
    close_look_s: float
    """When the last close look was taken."""
    confirmed_s: float
    """When the face was last seen to look like this."""
    due_s: float
    """When the next look is due."""
    looks: int = 1


class FaceFollower:
    """Remembers the faces of the last frame; each stream needs its own."""

    def __init__(self, detector: TwoStageDetector, budget: CpuBudget | None = None) -> None:
        self._refined = detector
        self._budget = budget or CpuBudget()
        self._search = RegionScheduler()
        self._known: list[KnownFace] = []
        self._size: tuple[int, ...] = ()

    def find(self, frame: Frame) -> list[KnownFace]:
        """The faces in the next frame of the stream."""
        pixels, now_s = frame.pixels, frame.time_s
        self._budget.at(now_s)
        if pixels.shape != self._size:
            self._size, self._known, self._search = pixels.shape, [], RegionScheduler()
        overdue = now_s - self._search.searched_s > _MAX_SEARCH_DELAY_S
        if overdue:
            self._look_for_more(frame)
        for known in sorted((k for k in self._known if k.due_s < now_s), key=lambda k: k.confirmed_s):
            if self._budget.allows:
                with self._budget.spending():
                    self._look_again(known, pixels, now_s)
        if not overdue:
            self._look_for_more(frame)
        return list(self._known)

    def _look_again(self, known: KnownFace, pixels: Pixels, now_s: float) -> None:
        before, crop = known.face, cut_out(pixels, known.face)
        # A new face is looked at again at once, and counts from then on.
        unchecked_s = now_s - known.close_look_s if known.looks > 1 else math.inf
        if unchecked_s < _MAX_UNCHECKED_S and before.crop is not None and look_alike(crop, before.crop):
            known.confirmed_s, known.due_s = now_s, now_s + self._every_s
            return
        drifted = follow_shift(before, crop)
        if unchecked_s < _CLOSE_S and drifted is not None:
            self._is_at(known, drifted, pixels, now_s)
            return
        now = self._refined.closer(pixels, before)
        others = [other.face for other in self._known if other is not known]
        if now is None or is_among(now, others):
            self._known.remove(known)
            if now is None:
                self._find_in(_region(before, pixels), pixels, now_s)
            return
        is_second = known.looks == 1
        # A face that no longer looks the same counts as new, and gets a second look aimed at where it is now.
        known.looks = 1 if drifted is None and not is_second else known.looks + 1
        known.close_look_s = now_s
        # Two looks place the eyes up to a tenth of the eye distance apart; their mean is more accurate.
        self._is_at(known, now if drifted is None or is_second else midway(now, drifted), pixels, now_s)

    def _is_at(self, known: KnownFace, face: Face, pixels: Pixels, now_s: float) -> None:
        walks = math.dist(face.box[:2], known.face.box[:2]) > _WALKS * face.box[2]
        known.face = replace(face, score=known.face.score, crop=cut_out(pixels, face))
        known.confirmed_s = now_s
        known.due_s = now_s if walks or known.looks == 1 else now_s + self._every_s

    def _look_for_more(self, frame: Frame) -> None:
        if len(self._known) >= MAX_FACES or not self._budget.allows:
            return
        with self._budget.spending():
            part = self._search.next(frame, [known.face for known in self._known])
            if part is not None:
                found = self._find_in(part, frame.pixels, frame.time_s)
                self._search.searched(part, frame.time_s, found=found)

    def _find_in(self, part: Region, pixels: Pixels, now_s: float) -> bool:
        """Add the new faces in `part`. Returns whether there were any faces."""
        left, top, inside = part.crop(pixels)
        if min(inside.shape[:2]) < MIN_PX:  # a part of a frame that is two pixels wide
            return False
        found = self._refined.find(np.ascontiguousarray(inside))
        faces = [face for face in found if not is_cut(face, left, top, inside, pixels)]
        for face in faces:
            new = move(face, left, top)
            if len(self._known) < MAX_FACES and not is_among(new, [known.face for known in self._known]):
                self._known.append(KnownFace(replace(new, crop=cut_out(pixels, new)), now_s, now_s, now_s))
        return bool(faces)

    @property
    def _every_s(self) -> float:
        return max(_EVERY_S, _SHARED_S * len(self._known))


def _region(face: Face, pixels: Pixels) -> Region:
    """The square around a face's last place in which it is searched for."""
    height, width = pixels.shape[:2]
    x, y, w, h = face.box
    half = (0.5 + _AROUND) * max(w, h)
    left, top = max(x + w / 2 - half, 0), max(y + h / 2 - half, 0)
    right, bottom = min(x + w / 2 + half, width), min(y + h / 2 + half, height)
    return Region(left / width, top / height, max(right - left, 1) / width, max(bottom - top, 1) / height)
