"""An album of drawn people, and what `mien gallery` keeps of it."""

from pathlib import Path

from device.emotions import Emotion
from device.ipc.gallery_index import Index, read_index
from device.perception.load import Perception
from device.perception.offline.gallery import Outcome, Step, index_folder
from device.sense.simulator.poses import POSES
from device.settings.schema import Settings
from tests.builders import Pixels, drawn


def person(emotion: Emotion, x: float = 320) -> Pixels:
    return drawn(((x, 240.0), 200.0, POSES[emotion]))


def indexed(
    folder: Path, readers: Perception, home: Settings, *, crop: bool = False
) -> tuple[Index, dict[str, Outcome]]:
    steps: list[Step] = []
    index = index_folder(folder, readers, home, steps.append, crop=crop)
    assert [step.done for step in steps] == list(range(1, len(steps) + 1))
    assert {step.of for step in steps} <= {len(steps)}
    kept = read_index(home.state_dir / "gallery" / "index.json", Index)
    assert kept == index
    return index, {step.source: step.outcome for step in steps}


def thumbnails(home: Settings) -> set[str]:
    return {path.name for path in (home.state_dir / "gallery").glob("*.jpg")}
