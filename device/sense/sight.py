"""Frames of one camera in, readings of the faces in them out: what the loop calls, and all that it costs to see."""

from device.readings import FaceReading, Frame
from device.sense.expression import FaceReader
from device.sense.faces import Eyes


class Sight:
    """Looks and reads: one for each stream."""

    def __init__(self, eyes: Eyes, reader: FaceReader) -> None:
        self._eyes, self._reader = eyes, reader

    def see(self, frame: Frame) -> list[FaceReading]:
        """The newest reading of every face that is in view in this frame, the next one of the stream."""
        return [self._reader.read(face, frame.time_s) for face in self._eyes.look(frame)]

    def people(self, now_s: float) -> int:
        """How many are in view, those lost for a moment counted in."""
        return self._eyes.people(now_s)
