"""Frames of one camera in, readings of the faces in them out."""

from dataclasses import replace

from device.perception.face.classifier import FaceReader
from device.perception.face.cpu_budget import CpuBudget
from device.perception.face.follower import MAX_FACES, FaceFollower
from device.perception.face.tracker import Tracker
from device.readings import Face, FaceReading, Frame


class FaceStream:
    """Follows and reads the faces of one stream."""

    def __init__(
        self, follower: FaceFollower, reader: FaceReader, budget: CpuBudget, max_faces: int = MAX_FACES
    ) -> None:
        """`budget` is also that of `follower`. The `max_faces` largest faces are read."""
        self._follower, self._reader, self._budget = follower, reader, budget
        self._max_faces = max_faces
        self._tracker = Tracker()
        self._readings: dict[int, FaceReading] = {}

    def read(self, frame: Frame) -> list[FaceReading]:
        """The newest reading of each face in the next frame of the stream.

        A face that still looks the same is not read again: its last reading gets the time of the last such look.
        """
        known = self._follower.find(frame)
        confirmed_s = {id(one.face.crop): one.confirmed_s for one in known}
        fresh = [one.close_look_s == frame.time_s for one in known]
        faces = self._tracker.follow([one.face for one in known], frame.time_s, fresh)
        largest = sorted(faces, key=lambda face: -face.box[2] * face.box[3])[: self._max_faces]
        readings = [self._reading(face, confirmed_s[id(face.crop)]) for face in largest]
        self._readings = {reading.face.track: reading for reading in readings}
        return readings

    def _reading(self, face: Face, confirmed_s: float) -> FaceReading:
        before = self._readings.get(face.track)
        if before is not None and before.face.crop is face.crop:
            return before if before.time_s == confirmed_s else replace(before, time_s=confirmed_s)
        with self._budget.spending():
            return self._reader.read(face, confirmed_s)

    def people(self, now_s: float) -> int:
        """How many people are in view, including those lost for a moment."""
        return self._tracker.present(now_s)
