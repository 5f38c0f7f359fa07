"""The same number for the same person from frame to frame, through short losses."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from device.emotions import Floats
from device.perception.face.detector import corners, overlap
from device.readings import Face

KEEP_S = 1.5
"""A face that is lost for less than this (a turned head, a hand) comes back under its number."""
SURE = 2
"""A face counts from its second sighting on: what a detector sees once in a curtain is nobody."""
_MIN_OVERLAP = 0.15
_REACH = 0.8
"""Without overlap, a face may have moved by this much of its width, and still be the same, ..."""
_SIZES = 1.6
"""... if neither is this much larger than the other."""


@dataclass(eq=False)
class _Track:
    number: int
    box: Floats
    seen_s: float
    sightings: int = 0


class Tracker:
    """Joins the faces of each frame to tracks, the best matching pairs first."""

    def __init__(self) -> None:
        self._tracks: list[_Track] = []
        self._last = 0

    def follow(self, faces: list[Face], time_s: float, looked: Sequence[bool] | None = None) -> list[Face]:
        """The faces that are sure by now, with their track numbers; a face that matches nothing begins a track.

        `looked`: which of them were seen anew, and not only taken to be where they were; without it all.
        """
        self._tracks = [t for t in self._tracks if time_s - t.seen_s <= KEEP_S]
        boxes = [corners(face.box) for face in faces]
        owners = self._where_they_were(boxes)
        pairs = sorted(
            (
                (_likeness(t.box, box), i, t)
                for t in self._tracks
                if t not in owners.values()
                for i, box in enumerate(boxes)
                if i not in owners
            ),
            key=lambda p: -p[0],
        )
        for likeness, i, track in pairs:
            if likeness > 0 and i not in owners and track not in owners.values():
                owners[i] = track
        for i, box in enumerate(boxes):
            if i not in owners:
                self._last += 1
                owners[i] = _Track(self._last, box, time_s)
                self._tracks.append(owners[i])
            owners[i].box, owners[i].seen_s = box, time_s
            owners[i].sightings += looked is None or looked[i]
        return [replace(face, track=t.number) for i, face in enumerate(faces) if (t := owners[i]).sightings >= SURE]

    def _where_they_were(self, boxes: list[Floats]) -> dict[int, _Track]:
        """Those that have not moved at all, most of them where faces are held: no other pair is as good."""
        tracks = {track.box.tobytes(): track for track in self._tracks}
        return {i: track for i, box in enumerate(boxes) if (track := tracks.pop(box.tobytes(), None))}

    def present(self, now_s: float) -> int:
        """Tracks seen within KEEP_S."""
        return sum(now_s - t.seen_s <= KEEP_S and t.sightings >= SURE for t in self._tracks)


def _likeness(old: Floats, new: Floats) -> float:
    """Over 0 when both may be one face: the overlap, or a little for a near neighbour of like size."""
    shared = float(overlap(old, new[None])[0])
    if shared >= _MIN_OVERLAP:
        return shared
    widths = float(old[2] - old[0]), float(new[2] - new[0])
    moved = float(np.hypot(*((old[:2] + old[2:]) / 2 - (new[:2] + new[2:]) / 2)))
    near = moved < _REACH * max(widths) and max(widths) < _SIZES * max(min(widths), 1e-3)
    return _MIN_OVERLAP * (1 - moved / (_REACH * max(widths))) if near else 0.0
