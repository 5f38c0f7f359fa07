"""The face path as it runs live: one FaceStream reads frame after frame."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial

from device.bench.timing import Json, Timing, percentiles
from device.perception.load import Perception
from device.readings import Frame
from device.settings.schema import Settings


@dataclass
class FaceStats:
    """Measurements of one stream."""

    timing: Timing = field(default_factory=Timing)
    readings: int = 0
    """Over all measured frames."""
    ages_s: list[float] = field(default_factory=list)
    """Age of each reading at its frame: not every face is read in every frame."""

    def as_json(self) -> Json:
        """Timing's numbers, frames/s on one core, readings per frame, and the age of the readings."""
        timing = self.timing.as_json()
        frames = max(timing["runs"], 1)
        return {
            **timing,
            "fps": round(1000 / max(sum(self.timing.wall_ms) / frames, 1e-6), 1),
            "faces_read": round(self.readings / frames, 2),
            "reading_age_p95_s": percentiles(self.ages_s)[1],
        }


def measure_stream(
    perception: Perception, settings: Settings, batches: Iterable[list[Frame]], warm_up: int = 1
) -> FaceStats:
    """Time each frame, except those of the first `warm_up` batches, in which faces are found and caches filled.

    The batches are made between the timed parts. The result is a mean over all frames, expensive and cheap ones.
    """
    stream = perception.open_face_stream(settings)
    stats = FaceStats()
    for number, batch in enumerate(batches):
        for frame in batch:
            if number < warm_up:
                stream.read(frame)
            else:
                readings = stats.timing.run(partial(stream.read, frame))
                stats.readings += len(readings)
                stats.ages_s += [frame.time_s - reading.time_s for reading in readings]
    return stats
