"""The metrics, read back by Prometheus' own parsers."""

import re
from collections import Counter as Count
from collections.abc import Callable, Iterable

import msgspec
import pytest
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics import parser as openmetrics_parser
from prometheus_client.parser import text_string_to_metric_families

from device import __version__
from device.emotions import Emotion
from device.hub.metrics import Counters, render_metrics
from device.hub.state.features import FEATURES, MOODS
from device.hub.state.snapshot import Snapshot
from device.ipc.messages import Stage, State
from tests.hub.hub_running import HELLO, WELL, mood
from tests.hub.state.builders import AWAY, BEFORE, FULL

OPENMETRICS = "application/openmetrics-text; version=1.0.0,text/plain;version=0.0.4;q=0.5"
Series = dict[tuple[str, frozenset[tuple[str, str]]], float]


def parse_series(families: Iterable[Metric]) -> Series:
    """Every sample by name and labels. Prometheus refuses a page with duplicates."""
    every = [(s.name, frozenset(s.labels.items()), s.value) for family in families for s in family.samples]
    assert max(Count((name, labels) for name, labels, _ in every).values()) == 1
    return {(name, labels): value for name, labels, value in every}


def render(now: Snapshot, counters: Counters | None = None, waiting: int = 0) -> Series:
    body, kind = render_metrics(now, counters or Counters(), history_waiting=waiting)
    assert kind == "text/plain; version=0.0.4; charset=utf-8"
    return parse_series(text_string_to_metric_families(body.decode()))


def get_series(metrics: Series, name: str) -> dict[frozenset[tuple[str, str]], float]:
    return {labels: value for (get_value, labels), value in metrics.items() if get_value == name}


def get_value(metrics: Series, metric: str, /, **labels: str) -> float | None:
    return metrics.get((metric, frozenset(labels.items())))


def test_every_metric_of_a_full_room() -> None:
    metrics = render(msgspec.structs.replace(FULL, mqtt=""), waiting=3)
    numbers = {
        "mien_available": 1,
        "mien_confidence_ratio": 0.71,
        "mien_valence": -0.5,
        "mien_arousal": -0.25,
        "mien_presence": 1,
        "mien_people": 2,
        "mien_problem": 0,
        "mien_camera": 1,
        "mien_microphone": 1,
        "mien_pause": 0,
        "mien_hold_seconds": 3,
        "mien_baseline_timestamp_seconds": 1_700_000_000,
        "mien_mqtt_connected": 1,
        "mien_history_waiting_rows": 3,
        "mien_lost_changes_total": 0,
    }
    assert {name: get_value(metrics, name) for name in numbers} == numbers
    assert get_value(metrics, "mien_info", version=__version__, name="test") == 1
    assert get_series(metrics, "mien_model_info") == {frozenset({("model", "face"), ("version", "1.0")}): 1}
    for name in ("mien_mood", "mien_face_mood", "mien_voice_mood"):
        assert get_series(metrics, name) == {frozenset({("emotion", m)}): float(m == "sad") for m in MOODS}
    assert get_series(metrics, "mien_profile") == {
        frozenset({("profile", p)}): float(p == "Late night") for p in ("everyday", "Late night", "quiet")
    }


def test_each_stage_has_one_state_a_rate_and_a_drop_count() -> None:
    stages = {"camera": Stage(State.OK, "", 9.5, 4), "microphone": Stage(State.LOST, "gone")}
    metrics = render(msgspec.structs.replace(FULL, health=msgspec.structs.replace(WELL, stages=stages, lost_changes=2)))
    states = {
        (name, state.value): get_value(metrics, "mien_stage_state", stage=name, state=state.value)
        for name in stages
        for state in State
    }
    assert {at for at, value in states.items() if value == 1} == {("camera", "ok"), ("microphone", "lost")}
    assert sum(value or 0 for value in states.values()) == 2
    assert len(get_series(metrics, "mien_stage_state")) == len(states)
    assert get_value(metrics, "mien_stage_rate_hertz", stage="camera") == 9.5
    assert get_value(metrics, "mien_stage_dropped_total", stage="camera") == 4
    assert get_value(metrics, "mien_lost_changes_total") == 2
    assert get_value(metrics, "mien_problem") == 1


def test_nobody_is_counted_while_the_camera_is_off() -> None:
    metrics = render(msgspec.structs.replace(FULL, health=msgspec.structs.replace(WELL, camera_on=False)))
    assert (get_value(metrics, "mien_presence"), get_value(metrics, "mien_people")) == (None, None)


@pytest.mark.parametrize("now", [BEFORE, AWAY], ids=["before", "away"])
def test_unknown_values_have_no_sample(now: Snapshot) -> None:
    metrics = render(now)
    unknown = (
        "confidence_ratio",
        "presence",
        "people",
        "mood",
        "camera",
        "hold_seconds",
        "stage_state",
        "lost_changes_total",
    )
    assert [name for name in unknown if get_series(metrics, f"mien_{name}")] == []
    assert (get_value(metrics, "mien_available"), get_value(metrics, "mien_problem")) == (0, 1)
    assert get_series(metrics, "mien_mqtt_connected") == {}, "no broker is configured"


def test_a_missing_broker_is_zero() -> None:
    assert get_value(render(msgspec.structs.replace(FULL, mqtt="MQTT broker is away")), "mien_mqtt_connected") == 0


def test_every_feature_with_a_state_has_a_metric() -> None:
    found = {name for name, _ in render(FULL)}
    for feature in FEATURES:
        stem = f"mien_{feature.key.removesuffix('_s')}"
        assert any(name.startswith(stem) for name in found) or not feature.has_state, feature.key
    assert not any("recalibrate" in name or "mood_change" in name for name in found)


def test_names_follow_the_conventions() -> None:
    body, _ = render_metrics(FULL, Counters(["comfort"]))
    for family in text_string_to_metric_families(body.decode()):
        assert re.fullmatch(r"mien(_[a-z]+)+", family.name)
        assert family.documentation.endswith(".")
        assert not family.name.endswith(("_ms", "_percent", "_hz", "_s", "_created"))
        if family.type == "counter":
            assert all(sample.name.endswith("_total") for sample in family.samples), family.name


# -- counters

COUNTED: list[tuple[Callable[[Counters], None], str, dict[str, str]]] = [
    (lambda c: c.moods.labels("sad").inc(), "mien_moods_total", {"emotion": "sad"}),
    (lambda c: c.moods.labels("unknown").inc(), "mien_moods_total", {"emotion": "unknown"}),
    (lambda c: c.count_action("comfort", done=True), "mien_actions_total", {"rule": "comfort", "result": "done"}),
    (lambda c: c.count_action("comfort", done=False), "mien_actions_total", {"rule": "comfort", "result": "failed"}),
    (lambda c: c.messages.inc(), "mien_mqtt_messages_total", {}),
    (lambda c: c.rejected.inc(), "mien_rejected_commands_total", {}),
]


@pytest.mark.parametrize(("count", "name", "labels"), COUNTED, ids=[name for _, name, _ in COUNTED])
def test_each_event_increments_only_its_own_series(
    count: Callable[[Counters], None], name: str, labels: dict[str, str]
) -> None:
    counters = Counters(["comfort"])
    before = render(BEFORE, counters)
    assert get_value(before, name, **labels) == 0, "the series exists from the start"
    count(counters)
    count(counters)
    after = render(BEFORE, counters)
    assert {at: value for at, value in after.items() if before[at] != value} == {(name, frozenset(labels.items())): 2}


def test_delays_fall_into_their_buckets() -> None:
    counters = Counters()
    for delay_s in (0.04, 0.25, 0.25, 7.0):
        counters.delay.observe(delay_s)
    metrics = render(BEFORE, counters)
    buckets = {
        le: get_value(metrics, "mien_message_delay_seconds_bucket", le=le)
        for le in ("0.05", "0.2", "0.3", "5.0", "+Inf")
    }
    assert buckets == {"0.05": 1, "0.2": 1, "0.3": 3, "5.0": 3, "+Inf": 4}
    assert get_value(metrics, "mien_message_delay_seconds_count") == 4
    assert get_value(metrics, "mien_message_delay_seconds_sum") == pytest.approx(7.54)


def test_two_hubs_in_one_process_count_separately() -> None:
    first, second = Counters(), Counters()
    first.messages.inc()
    assert get_value(render(BEFORE, first), "mien_mqtt_messages_total") == 1
    assert get_value(render(BEFORE, second), "mien_mqtt_messages_total") == 0


# -- limits


def test_names_from_outside_cannot_create_unlimited_series() -> None:
    long = "x" * 60
    hello = msgspec.structs.replace(
        HELLO, models={f"{long}{i}": long for i in range(9)} | {str(i): "1" for i in range(99)}
    )
    health = msgspec.structs.replace(
        WELL, stages={f"{long}{i}": Stage(State.OK) for i in range(9)} | {str(i): Stage(State.OK) for i in range(99)}
    )
    counters = Counters(["comfort"])
    for i in range(99):
        counters.count_action(f"rule {i}", done=True)
    metrics = render(msgspec.structs.replace(FULL, hello=hello, health=health), counters)
    assert len(get_series(metrics, "mien_model_info")) == len(get_series(metrics, "mien_stage_rate_hertz")) == 16
    assert max(len(value) for _, labels in metrics for _, value in labels) == 40
    assert get_value(metrics, "mien_actions_total", rule="other", result="done") == 99
    assert len(get_series(metrics, "mien_actions_total")) == 3


def test_odd_names_are_escaped() -> None:
    odd = 'a "rule"\\\nof {two} lines'
    metrics = render(BEFORE, Counters([odd]))
    assert get_value(metrics, "mien_actions_total", rule=odd, result="done") == 0


def test_openmetrics_on_request() -> None:
    counters = Counters(["comfort"])
    counters.delay.observe(0.2)
    counters.moods.labels("sad").inc()
    body, kind = render_metrics(FULL, counters, accept=OPENMETRICS)
    assert kind.startswith("application/openmetrics-text")
    assert body.endswith(b"# EOF\n")
    families = openmetrics_parser.text_string_to_metric_families(body.decode())  # type: ignore[no-untyped-call]
    assert parse_series(families) == render(FULL, counters)


def test_the_page_follows_the_room() -> None:
    counters = Counters()
    happy = msgspec.structs.replace(FULL, mood=mood(Emotion.HAPPY))
    assert get_value(render(FULL, counters), "mien_mood", emotion="happy") == 0
    assert get_value(render(happy, counters), "mien_mood", emotion="happy") == 1
