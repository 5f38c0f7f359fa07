"""Frames of one camera in, readings of the faces in them out: what the loop calls, and all that it costs to see."""

from dataclasses import replace

from device.perception.face.classifier import FaceReader
from device.perception.face.cpu_budget import CpuBudget
from device.perception.face.follower import MAX_FACES, FaceFollower
from device.perception.face.tracker import Tracker
from device.readings import Face, FaceReading, Frame


class FaceStream:
    """Follows and reads: one for each stream."""

    def __init__(
        self, following: FaceFollower, reader: FaceReader, budget: CpuBudget, max_faces: int = MAX_FACES
    ) -> None:
        """`budget` is the one that `following` keeps to. The `max_faces` largest are read."""
        self._following, self._reader, self._budget = following, reader, budget
        self._most_faces = max_faces
        self._tracker = Tracker()
        self._read: dict[int, FaceReading] = {}

    def see(self, frame: Frame) -> list[FaceReading]:
        """The newest reading of each face in view in the next frame of the stream.

        A face that looks as it did when it was read is not read again: its reading is of the time when it last did.
        """
        known = self._following.find(frame)
        confirmed_s = {id(one.face.crop): one.confirmed_s for one in known}
        anew = [one.looked_s == frame.time_s for one in known]
        faces = self._tracker.follow([one.face for one in known], frame.time_s, anew)
        largest = sorted(faces, key=lambda face: -face.box[2] * face.box[3])[: self._most_faces]
        readings = [self._reading(face, confirmed_s[id(face.crop)]) for face in largest]
        self._read = {reading.face.track: reading for reading in readings}
        return readings

    def _reading(self, face: Face, confirmed_s: float) -> FaceReading:
        before = self._read.get(face.track)
        if before is not None and before.face.crop is face.crop:
            return before if before.time_s == confirmed_s else replace(before, time_s=confirmed_s)
        with self._budget.spending():
            return self._reader.read(face, confirmed_s)

    def people(self, now_s: float) -> int:
        """How many are in view, those lost for a moment counted in."""
        return self._tracker.present(now_s)
