"""Gives each person the same track number from frame to frame, even when the face is lost for a moment."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from device.emotions import Floats
from device.perception.face.detector import corners, overlap
from device.readings import Face

KEEP_S = 1.5
"""A face lost for less than this (a turned head, a hand in front) keeps its number."""
MIN_SIGHTINGS = 2
"""A face counts from its second sighting: a detector may see a face in a curtain once."""
_MIN_OVERLAP = 0.15
_MAX_STEP = 0.8
"""Boxes that do not overlap may still be the same face if they are at most this many face widths apart ..."""
_MAX_SIZE_RATIO = 1.6
"""... and their sizes differ by at most this factor."""


@dataclass(eq=False)
class _Track:
    number: int
    box: Floats
    seen_s: float
    sightings: int = 0


class Tracker:
    """Assigns the faces of each frame to tracks, best matches first."""

    def __init__(self) -> None:
        self._tracks: list[_Track] = []
        self._last = 0

    def follow(self, faces: list[Face], time_s: float, fresh: Sequence[bool] | None = None) -> list[Face]:
        """The faces seen often enough to count, with their track numbers. A face that matches no track starts one.

        `fresh`: which faces a new look has found, instead of only assuming them at their old places; default: all.
        """
        self._tracks = [t for t in self._tracks if time_s - t.seen_s <= KEEP_S]
        boxes = [corners(face.box) for face in faces]
        # Boxes that have not moved at all go first: no other pair matches as well.
        places = {track.box.tobytes(): track for track in self._tracks}
        owners = {i: track for i, box in enumerate(boxes) if (track := places.pop(box.tobytes(), None))}
        free = [track for track in self._tracks if track not in owners.values()]
        moved = [(i, box) for i, box in enumerate(boxes) if i not in owners]
        pairs = [(_likeness(track.box, box), i, track) for track in free for i, box in moved]
        for likeness, i, track in sorted(pairs, key=lambda pair: -pair[0]):
            if likeness > 0 and i not in owners and track not in owners.values():
                owners[i] = track
        for i, box in enumerate(boxes):
            if i not in owners:
                self._last += 1
                owners[i] = _Track(self._last, box, time_s)
                self._tracks.append(owners[i])
            owners[i].box, owners[i].seen_s = box, time_s
            owners[i].sightings += fresh is None or fresh[i]
        counted = [(face, owners[i]) for i, face in enumerate(faces) if owners[i].sightings >= MIN_SIGHTINGS]
        return [replace(face, track=track.number) for face, track in counted]

    def present(self, now_s: float) -> int:
        """The number of faces seen within KEEP_S."""
        return sum(now_s - t.seen_s <= KEEP_S and t.sightings >= MIN_SIGHTINGS for t in self._tracks)


def _likeness(old: Floats, new: Floats) -> float:
    """Above 0 if both may be the same face: the overlap, or a smaller value for a nearby box of similar size."""
    shared = float(overlap(old, new[None])[0])
    if shared >= _MIN_OVERLAP:
        return shared
    widths = float(old[2] - old[0]), float(new[2] - new[0])
    step = float(np.hypot(*((old[:2] + old[2:]) / 2 - (new[:2] + new[2:]) / 2)))
    near = step < _MAX_STEP * max(widths) and max(widths) < _MAX_SIZE_RATIO * max(min(widths), 1e-3)
    return _MIN_OVERLAP * (1 - step / (_MAX_STEP * max(widths))) if near else 0.0
