"""The face path as it runs: frame after frame of one stream through `Sight`."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial

from device.bench.timing import Json, Timing, spread
from device.perception.load import Perception
from device.readings import Frame
from device.settings.schema import Settings


@dataclass
class Seen:
    """What a stream took."""

    timing: Timing = field(default_factory=Timing)
    faces: int = 0
    """Readings given, over all frames that count."""
    ages_s: list[float] = field(default_factory=list)
    """How old each reading was at its frame: a face need not be looked at in every one."""

    def told(self) -> Json:
        """Timing's numbers, frames/s on one core, the faces in a frame, and how old what is known of them is."""
        told = self.timing.told()
        frames = max(told["runs"], 1)
        return {
            **told,
            "fps": round(1000 / max(sum(self.timing.wall_ms) / frames, 1e-6), 1),
            "faces_read": round(self.faces / frames, 2),
            "reading_age_p95_s": spread(self.ages_s)[1],
        }


def watch(readers: Perception, settings: Settings, batches: Iterable[list[Frame]], warm: int = 1) -> Seen:
    """Time `see` on every frame but those of the first `warm` batches, in which faces are found and caches filled.

    The batches are made between the timed parts. What is told is a mean over all frames: those in which much is
    done and those in which little is.
    """
    sight, seen = readers.sight(settings), Seen()
    for number, batch in enumerate(batches):
        for frame in batch:
            if number < warm:
                sight.see(frame)
            else:
                readings = seen.timing.of(partial(sight.see, frame))
                seen.faces += len(readings)
                seen.ages_s += [frame.time_s - reading.time_s for reading in readings]
    return seen
