"""What Prometheus is told: the features and the health of now, and what was counted since the start.

Names follow Prometheus' conventions: `mien_` first, base units last. Labels hold only words of a bounded number:
emotions, stages, models, and the settings' own profiles and rules.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import TypeVar

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from device import __version__
from device.emotions import Emotion
from device.hub.state.features import FEATURES, MOODS, Feature
from device.hub.state.snapshot import Snapshot
from device.ipc.messages import Health, State

_MAX_LABELS, _MAX_LABEL_LENGTH = 16, 40
"""Stages and models shown, and the characters of a label's value; sense has fewer."""
_T = TypeVar("_T")
_UNITS = {"%": "_ratio", "s": "_seconds"}
_DELAYS_S = (0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 5.0)


class Counters(Collector):
    """What happened since the start. All that can be named is there from the beginning, at 0."""

    def __init__(self, rules: Iterable[str] = ()) -> None:
        own = CollectorRegistry()
        self._registry = own
        self._moods = Counter("mien_moods", "Changes of mood, or of the number of people.", ["emotion"], registry=own)
        self._actions = Counter("mien_actions", "Actions of rules.", ["rule", "result"], registry=own)
        self._messages = Counter("mien_mqtt_messages", "Messages that the broker has acknowledged.", registry=own)
        self._rejected = Counter("mien_rejected_commands", "Commands that meant nothing.", registry=own)
        self._delay = Histogram(
            "mien_message_delay_seconds", "From the frame to the message.", buckets=_DELAYS_S, registry=own
        )
        self._rules = frozenset(rules)
        for emotion in MOODS:
            self._moods.labels(emotion)
        for rule in self._rules:
            self._actions.labels(rule, "done")
            self._actions.labels(rule, "failed")

    def count_mood(self, emotion: Emotion) -> None:
        """A change of mood was heard."""
        self._moods.labels(emotion.value).inc()

    def count_action(self, rule: str, *, done: bool) -> None:
        """An action of `rule` has ended; a rule that was not named at the start counts as `other`."""
        self._actions.labels(rule if rule in self._rules else "other", "done" if done else "failed").inc()

    def count_message(self) -> None:
        """The broker has acknowledged a message."""
        self._messages.inc()

    def count_rejected(self) -> None:
        """A command came that meant nothing."""
        self._rejected.inc()

    def observe_delay(self, delay_s: float) -> None:
        """A change was told so long after its frame was taken."""
        self._delay.observe(delay_s)

    def collect(self) -> Iterator[Metric]:
        """For Prometheus' registry."""
        for family in self._registry.collect():
            # When each series began is a gauge of its own in the plain format, and says nothing here.
            family.samples = [sample for sample in family.samples if not sample.name.endswith("_created")]
            yield family


class _Now(Collector):
    """The snapshot's metrics, made when they are asked for."""

    def __init__(self, now: Snapshot, waiting: int) -> None:
        self._now = now
        self._waiting = waiting

    def collect(self) -> Iterator[Metric]:
        now = self._now
        yield InfoMetricFamily("mien", "This Mien.", {"version": __version__, "name": now.name})
        models = InfoMetricFamily("mien_model", "The models in use.", labels=["model"])
        for name, version in _few(now.hello.models if now.hello else {}):
            models.add_metric([name], {"version": version[:_MAX_LABEL_LENGTH]})
        yield models
        yield GaugeMetricFamily("mien_available", "Sense is there and speaks.", now.available)
        for feature in FEATURES:
            if feature.has_state:
                yield _of_feature(feature, now)
        if now.mqtt is not None:
            yield GaugeMetricFamily("mien_mqtt_connected", "The broker has accepted us.", now.mqtt == "")
        yield GaugeMetricFamily("mien_history_waiting_rows", "Rows that the disk has not taken yet.", self._waiting)
        yield from _stages(now.health if now.available else None)


def exposition(now: Snapshot, counters: Counters, *, history_waiting: int = 0, accept: str = "") -> tuple[bytes, str]:
    """The page's bytes and their content type: OpenMetrics where the header `accept` asks for it, else plain text."""
    registry = CollectorRegistry()
    registry.register(_Now(now, history_waiting))
    registry.register(counters)
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type


def _of_feature(feature: Feature, now: Snapshot) -> Metric:
    """A number as it is, a switch as 0 or 1, a choice as 1 at what it is and 0 elsewhere. Unknown: no number at all."""
    value, options = feature.value(now), feature.options(now)
    suffix = "_timestamp_seconds" if feature.device_class == "timestamp" else _UNITS.get(feature.unit, "")
    name, help_text = f"mien_{feature.key.removesuffix('_s')}{suffix}", f"{feature.name or 'Mood'}."
    if options:
        label = "emotion" if options == MOODS else feature.key
        family = GaugeMetricFamily(name, help_text, labels=[label])
        for option in options if value is not None else ():
            family.add_metric([option], option == value)
        return family
    family = GaugeMetricFamily(name, help_text)
    if isinstance(value, int | float):
        family.add_metric([], value)
    return family


def _stages(health: Health | None) -> Iterator[Metric]:
    state = GaugeMetricFamily("mien_stage_state", "How each stage of sense is doing.", labels=["stage", "state"])
    rate = GaugeMetricFamily("mien_stage_rate_hertz", "What each stage handled a second.", labels=["stage"])
    dropped = CounterMetricFamily("mien_stage_dropped", "What each stage let go unread.", labels=["stage"])
    for name, stage in _few(health.stages if health else {}):
        for one in State:
            state.add_metric([name, one.value], one is stage.state)
        rate.add_metric([name], stage.rate_hz)
        dropped.add_metric([name], stage.dropped)
    yield from (state, rate, dropped)
    lost = CounterMetricFamily("mien_lost_changes", "Changes dropped while hub was away.")
    if health:
        lost.add_metric([], health.lost_changes)
    yield lost


def _few(named: Mapping[str, _T]) -> list[tuple[str, _T]]:
    """What sense named, bounded in number and length; two of one label would have the whole page refused."""
    return list({name[:_MAX_LABEL_LENGTH]: one for name, one in named.items()}.items())[:_MAX_LABELS]
