"""Who is in view, from frame to frame: a close look at who is known, where it is due, and a search for the others.

The close look costs a third of a search, and only where something has changed is it taken at all: as long as the crop
that the network would be fed is the one that it was fed, face and feeling are where they were.
"""

import math
from dataclasses import dataclass, replace

import numpy as np

from device.perception.face.align import cut_out
from device.perception.face.cpu_budget import CpuBudget
from device.perception.face.crop_change import alike, between, shifted
from device.perception.face.detector import Pixels
from device.perception.face.search import Region, RegionScheduler
from device.perception.face.tiles import cut, moved
from device.perception.face.two_stage import MIN_PX, TwoStageDetector, same_as_one
from device.readings import Face, Frame

_EVERY_S = 0.2
"""A face that changes is looked at five times a second, ..."""
_SHARED_S = 0.08
"""... or so often divided among all: eight faces cost little more than twice what one does."""
_CLOSE_S = 1.0
"""Of those looks, so many are close ones; between them it is enough by how much the crop has shifted."""
_SURELY_S = 3.0
"""A close look is taken at least so often, however alike all is."""
_WALKS = 0.12
"""Widths that a face has moved between two looks, from which on it is looked at in each frame."""
_SEARCH_WAITS_S = 3.0
"""Where the budget is short, who is known does not keep who comes in from being seen for longer."""
_AROUND = 3.0
"""Faces to each side, where one is looked for that is no longer where it was."""
MAX_FACES = 8
"""People who are followed."""


@dataclass(eq=False)
class KnownFace:
    """Somebody in view."""

    face: Face
    """With its crop, as of the last look."""
    looked_s: float
    confirmed_s: float
    """When it last looked like that."""
    due_s: float
    """After this, it is looked at again."""
    looks: int = 1


class FaceFollower:
    """Remembers who was in the last frame: one for each stream."""

    def __init__(self, refined: TwoStageDetector, budget: CpuBudget | None = None) -> None:
        self._refined = refined
        self._budget = budget or CpuBudget()
        self._search = RegionScheduler()
        self._known: list[KnownFace] = []
        self._size: tuple[int, ...] = ()

    def find(self, frame: Frame) -> list[KnownFace]:
        """Who is in the next frame of the stream."""
        pixels, now_s = frame.pixels, frame.time_s
        self._budget.at(now_s)
        if pixels.shape != self._size:
            self._size, self._known, self._search = pixels.shape, [], RegionScheduler()
        overdue = self._search.overdue_s(now_s) > _SEARCH_WAITS_S
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
        # Who is new is looked at again at once, and counts then.
        looked_ago_s = now_s - known.looked_s if known.looks > 1 else math.inf
        if looked_ago_s < _SURELY_S and before.crop is not None and alike(crop, before.crop):
            known.confirmed_s, known.due_s = now_s, now_s + self._every_s
            return
        drifted = shifted(before, crop)
        if looked_ago_s < _CLOSE_S and drifted is not None:
            self._is_at(known, drifted, pixels, now_s)
            return
        now = self._refined.closer(pixels, before)
        others = [other.face for other in self._known if other is not known]
        if now is None or same_as_one(now, others):
            self._known.remove(known)
            if now is None:
                self._find_in(_region(before, pixels), pixels, now_s)
            return
        is_second = known.looks == 1
        # A face that looks like another one is as good as new: the first look at it was aimed at the former.
        known.looks = 1 if drifted is None and not is_second else known.looks + 1
        known.looked_s = now_s
        # Each look puts the eyes a little elsewhere, by a tenth of their distance: of two, the mean is the better one.
        self._is_at(known, now if drifted is None or is_second else between(now, drifted), pixels, now_s)

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
        """Adds those in `part` who are not known yet; whether there were any faces."""
        left, top, inside = part.of(pixels)
        if min(inside.shape[:2]) < MIN_PX:  # of a frame of two pixels' width, a part is nothing
            return False
        found = self._refined.find(np.ascontiguousarray(inside))
        faces = [face for face in found if not cut(face, left, top, inside, pixels)]
        for face in faces:
            new = moved(face, left, top)
            if len(self._known) < MAX_FACES and not same_as_one(new, [known.face for known in self._known]):
                self._known.append(KnownFace(replace(new, crop=cut_out(pixels, new)), now_s, now_s, now_s))
        return bool(faces)

    @property
    def _every_s(self) -> float:
        return max(_EVERY_S, _SHARED_S * len(self._known))


def _region(face: Face, pixels: Pixels) -> Region:
    """The square around a face in which it may be now."""
    height, width = pixels.shape[:2]
    x, y, w, h = face.box
    half = (0.5 + _AROUND) * max(w, h)
    left, top = max(x + w / 2 - half, 0), max(y + h / 2 - half, 0)
    right, bottom = min(x + w / 2 + half, width), min(y + h / 2 + half, height)
    return Region(left / width, top / height, max(right - left, 1) / width, max(bottom - top, 1) / height)
