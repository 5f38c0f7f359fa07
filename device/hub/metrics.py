"""The page for Prometheus: the current features and health, and what was counted since the start.

Names follow Prometheus' conventions: `mien_` first, base units last. Every label has a bounded set of values: emotions,
stages, models, and the profiles and rules of the settings.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from device import __version__
from device.hub.state.features import FEATURES, MOODS, Feature
from device.hub.state.snapshot import Snapshot
from device.ipc.messages import Health, State

_MAX_LABELS, _MAX_LABEL_LENGTH = 16, 40
"""Limits for stages and models, and for the characters of a label's value. Sense stays below both."""
_T = TypeVar("_T")
_UNITS = {"%": "_ratio", "s": "_seconds"}
_DELAYS_S = (0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 5.0)


class Counters(Collector):
    """Counts events since the start. Every series exists from the beginning, at 0."""

    def __init__(self, rules: Iterable[str] = ()) -> None:
        own = CollectorRegistry()
        self._registry = own
        self.moods = Counter("mien_moods", "Changes of mood, or of the number of people.", ["emotion"], registry=own)
        self._actions = Counter("mien_actions", "Actions of rules.", ["rule", "result"], registry=own)
        self.messages = Counter("mien_mqtt_messages", "Messages that the broker has acknowledged.", registry=own)
        self.rejected = Counter("mien_rejected_commands", "Commands that meant nothing.", registry=own)
        self.delay = Histogram(
            "mien_message_delay_seconds", "From the frame to the message.", buckets=_DELAYS_S, registry=own
        )
        self._rules = frozenset(rules)
        for emotion in MOODS:
            self.moods.labels(emotion)
        for rule in self._rules:
            self._actions.labels(rule, "done")
            self._actions.labels(rule, "failed")

    def count_action(self, rule: str, *, done: bool) -> None:
        """Count a finished action of `rule`. A rule that the constructor did not get counts as `other`."""
        self._actions.labels(rule if rule in self._rules else "other", "done" if done else "failed").inc()

    def collect(self) -> Iterator[Metric]:
        """Collect the metrics; called by Prometheus' registry."""
        for family in self._registry.collect():
            # The plain format would add a gauge with the creation time of each series, which nobody needs.
            family.samples = [sample for sample in family.samples if not sample.name.endswith("_created")]
            yield family


@dataclass(eq=False)
class _SnapshotCollector(Collector):
    now: Snapshot
    waiting: int

    def collect(self) -> Iterator[Metric]:
        now = self.now
        yield InfoMetricFamily("mien", "This Mien.", {"version": __version__, "name": now.name})
        models = InfoMetricFamily("mien_model", "The models in use.", labels=["model"])
        for name, version in _limit(now.hello.models if now.hello else {}):
            models.add_metric([name], {"version": version[:_MAX_LABEL_LENGTH]})
        yield models
        yield GaugeMetricFamily("mien_available", "Sense is there and speaks.", now.available)
        for feature in FEATURES:
            if feature.has_state:
                yield _build_metric(feature, now)
        if now.mqtt is not None:
            yield GaugeMetricFamily("mien_mqtt_connected", "The broker has accepted us.", now.mqtt == "")
        yield GaugeMetricFamily("mien_history_waiting_rows", "History rows not yet written to disk.", self.waiting)
        yield from _build_stages(now.health if now.available else None)


def render_metrics(
    now: Snapshot, counters: Counters, *, history_waiting: int = 0, accept: str = ""
) -> tuple[bytes, str]:
    """The page and its content type: OpenMetrics if the header `accept` asks for it, otherwise plain text."""
    registry = CollectorRegistry()
    registry.register(_SnapshotCollector(now, history_waiting))
    registry.register(counters)
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type


def _build_metric(feature: Feature, now: Snapshot) -> Metric:
    """A number as it is, a switch as 0 or 1, a choice as 1 for its value and 0 for the others. Unknown: no sample."""
    value, options = feature.value(now), feature.options(now)
    suffix = "_timestamp_seconds" if feature.device_class == "timestamp" else _UNITS.get(feature.unit, "")
    name, help_text = f"mien_{feature.key.removesuffix('_s')}{suffix}", f"{feature.name or 'Mood'}."
    labels = ["emotion" if options == MOODS else feature.key] if options else []
    family = GaugeMetricFamily(name, help_text, labels=labels)
    if options and value is not None:
        for option in options:
            family.add_metric([option], option == value)
    elif isinstance(value, int | float):
        family.add_metric([], value)
    return family


def _build_stages(health: Health | None) -> Iterator[Metric]:
    state = GaugeMetricFamily("mien_stage_state", "The state of each stage of sense.", labels=["stage", "state"])
    rate = GaugeMetricFamily("mien_stage_rate_hertz", "What each stage handled a second.", labels=["stage"])
    dropped = CounterMetricFamily("mien_stage_dropped", "What each stage let go unread.", labels=["stage"])
    for name, stage in _limit(health.stages if health else {}):
        for value in State:
            state.add_metric([name, value.value], value is stage.state)
        rate.add_metric([name], stage.rate_hz)
        dropped.add_metric([name], stage.dropped)
    yield from (state, rate, dropped)
    lost = CounterMetricFamily("mien_lost_changes", "Changes dropped while hub was away.")
    if health:
        lost.add_metric([], health.lost_changes)
    yield lost


def _limit(by_name: Mapping[str, _T]) -> list[tuple[str, _T]]:
    """Limit names from sense in number and length. Prometheus refuses a page with the same label twice."""
    return list({name[:_MAX_LABEL_LENGTH]: value for name, value in by_name.items()}.items())[:_MAX_LABELS]
