"""The curve from which `mood.min_confidence` is chosen: false triggers an hour and delays, for each threshold."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import cv2

from convert.evaluation.shipped import CACHE, load_shipped, load_voice_reader
from convert.ordinary_life.material import Half, Material, read_material
from convert.ordinary_life.measure import Delays, FalseTriggers, count_false_triggers, measure_delays
from convert.ordinary_life.perceive import perceive
from convert.ordinary_life.replay import Outcome, decide, fuse, with_threshold
from convert.ordinary_life.script import Script, Sense, draw_moody_hour, draw_ordinary_hour
from device.perception.face.classifier import FaceReader
from device.perception.models.card import MODELS
from device.settings.schema import Settings

THRESHOLDS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
Hours = dict[float, list[tuple[Script, Outcome]]]
"""By threshold."""


@dataclass(frozen=True)
class Amount:
    """How many hours to simulate, and from which seed on: each hour has a seed of its own."""

    ordinary: int = 24
    moody: int = 6
    seed: int = 0


@dataclass(frozen=True)
class Point:
    """One threshold."""

    min_confidence: float
    false: FalseTriggers
    delays: dict[Sense, Delays]


@dataclass(frozen=True)
class Curve:
    """All thresholds, in order; one of them is that of `settings`."""

    points: list[Point]
    default: float
    skipped: list[str]
    """Datasets that were missing."""
    moody_hours: int

    @property
    def at_default(self) -> Point:
        """The point of the settings as they are."""
        return next(point for point in self.points if point.min_confidence == self.default)


def measure_curve(
    data: Path,
    amount: Amount,
    half: Half = "measure",
    *,
    models: Path = MODELS,
    settings: Settings | None = None,
    progress: Callable[[str], None] = print,
) -> Curve:
    """Simulate `amount` of hours with one half of the material, and replay them with each of THRESHOLDS.

    The rest of `settings`, its rules included, stays as it is (default: the defaults). Takes about a minute of CPU an
    hour. Raises MediaError when there is nothing that an ordinary hour could be made of.
    """
    settings = settings or Settings()
    material = read_material(data, half, CACHE)
    for reason in material.skipped:
        progress(f"skipped: {reason}")
    default = settings.mood.min_confidence
    thresholds = sorted({*THRESHOLDS, default})
    seeds = range(amount.seed, amount.seed + amount.ordinary)
    ordinary = _simulate((draw_ordinary_hour(material, seed) for seed in seeds), thresholds, settings, models, progress)
    moody: Hours = {}
    if can_show_moods(material):
        seeds = range(amount.seed, amount.seed + amount.moody)
        moody = _simulate((draw_moody_hour(material, seed) for seed in seeds), thresholds, settings, models, progress)
    points = [
        Point(threshold, count_false_triggers(ordinary[threshold]), measure_delays(moody.get(threshold, [])))
        for threshold in thresholds
    ]
    return Curve(points, default, material.skipped, len(moody.get(default, [])))


def can_show_moods(material: Material) -> bool:
    """Whether every emotion can be shown by a face and by a voice."""
    return all(material.moods.get(emotion) and any(key[1] == emotion for key in material.acted) for emotion in range(6))


def _simulate(
    scripts: Iterable[Script],
    thresholds: list[float],
    settings: Settings,
    models: Path,
    progress: Callable[[str], None],
) -> Hours:
    cv2.setNumThreads(1)
    face_reader = FaceReader(load_shipped("face", models))
    hours: Hours = {threshold: [] for threshold in thresholds}
    for script in scripts:
        moments = fuse(perceive(script, face_reader, load_voice_reader(models)), settings.mood)
        for threshold in thresholds:
            hours[threshold].append((script, decide(moments, with_threshold(settings, threshold))))
        kind = "with real moods" if script.episodes else "of ordinary life"
        progress(f"hour {script.seed} {kind}: {len(script.visits)} people, {len(script.voices)} utterances")
    return hours
