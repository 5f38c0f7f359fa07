"""States and events as Home Assistant's entities read them."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device.emotions import Emotion
from device.hub.mqtt.payloads import build_event_document, build_state_document
from device.hub.state.features import FEATURES
from device.hub.state.snapshot import Json, Snapshot
from device.readings import Baseline, Mood, SenseReading
from tests.hub.hub_running import WELL, mood
from tests.hub.mqtt import ha_rules, ha_templates
from tests.hub.mqtt.builders import SNAPSHOTS, build
from tests.hub.mqtt.ha_templates import Render
from tests.hub.state.builders import FULL

_share = st.floats(0, 1)
_signed = st.floats(-1, 1)
_readings = st.none() | st.builds(SenseReading, st.sampled_from(Emotion), _share, st.floats(0, 10))
_moods = st.builds(
    Mood,
    st.sampled_from(Emotion),
    _share,
    _signed,
    _signed,
    st.lists(_share, min_size=7, max_size=7).map(tuple),
    st.integers(0, 999),
    st.just(0.0),
    st.just(0.0),
    _readings,
    _readings,
)
_health = st.builds(
    lambda on, hold_s, moment_s: msgspec.structs.replace(
        WELL,
        camera_on=on,
        microphone_on=not on,
        paused=on,
        hold_s=hold_s,
        baseline=None if moment_s is None else Baseline(moment_s),
    ),
    st.booleans(),
    st.floats(-1, 90_000) | st.sampled_from([0.0, 60.0, 60.01]),
    st.none() | st.floats(-1e12, 1e12),
)
_snapshots = st.builds(
    lambda now, mood, health, problem: msgspec.structs.replace(now, mood=mood, health=health, problem=problem),
    st.sampled_from(list(SNAPSHOTS.values())),
    st.none() | _moods,
    st.none() | _health,
    st.text(),
)

RENDERERS = pytest.mark.parametrize("render", [ha_templates.plainly, ha_templates.by_jinja])


def find_refusals(now: Snapshot, document: Json, render: Render) -> dict[str, str]:
    """Why each entity would refuse the state `document`."""
    parts = build(now)["cmps"]
    keys = {f.key for f in FEATURES if f.has_state} & set(parts)
    why = {key: ha_rules.explain_refusal(parts[key], json.dumps(document), render) for key in keys}
    return {key: one for key, one in why.items() if one}


@RENDERERS
@settings(deadline=None)  # the first example imports Jinja
@given(now=_snapshots)
def test_every_entity_accepts_every_state(render: Render, now: Snapshot) -> None:
    assert find_refusals(now, build_state_document(now), render) == {}


@RENDERERS
@pytest.mark.parametrize(
    ("changed", "key"),
    [
        ({"mood": "glad"}, "mood"),
        ({"valence": "high"}, "valence"),
        ({"presence": True}, "presence"),
        ({"paused": "on"}, "pause"),
        ({"profile": "party"}, "profile"),
        ({"profile": ""}, "profile"),
        ({"baseline": "2023-11-14T22:13:20"}, "baseline"),
        ({"baseline": 1_700_000_000}, "baseline"),
    ],
)
def test_only_its_own_entity_refuses_a_wrong_value(render: Render, changed: Json, key: str) -> None:
    assert set(find_refusals(FULL, build_state_document(FULL) | changed, render)) == {key}


@RENDERERS
def test_what_a_person_sees(render: Render) -> None:
    parts, document = build()["cmps"], build_state_document(FULL)

    def render_value(key: str, **changed: Any) -> str:
        return render(parts[key]["val_tpl"], document | changed)

    assert [render_value("confidence", confidence=share) for share in (0.29, 1.0, None)] == ["29", "100", "None"]
    assert [render_value("hold_s", hold_s=s) for s in (3.5, 60.0, 300.0, None)] == ["3.5", "60.0", "None", "None"]
    assert (render_value("mood"), render_value("mood", mood=None)) == ("sad", "None")
    # Home Assistant treats these as unknown.
    assert (render_value("presence", presence=None), render_value("people", people=None)) == ("None", "None")
    failing = document | {"problem": "camera: <lost> & 'gone'"}
    assert json.loads(render(parts["problem"]["json_attr_tpl"], failing)) == {"sentence": "camera: <lost> & 'gone'"}


@RENDERERS
@pytest.mark.parametrize("emotion", Emotion)
def test_an_event_fires_its_trigger_unless_it_is_late_or_a_repeat(render: Render, emotion: Emotion) -> None:
    parts = build()["cmps"]
    for late_s, is_again in ((0.0, False), (9.0, False), (0.0, True)):
        event = build_event_document(mood(emotion), 1_700_000_000.0, "s1-1", late_s, is_again=is_again)
        document = json.loads(json.dumps(event))
        assert ha_rules.explain_refusal(parts["mood_change"], json.dumps(document), render) == ""
        started = [
            part["stype"]
            for part in parts.values()
            if part["p"] == "device_automation" and render(part["val_tpl"], document) == part["pl"]
        ]
        assert started == ([emotion.value] if not late_s and not is_again and emotion is not Emotion.UNKNOWN else [])
    assert ha_rules.explain_refusal(parts["mood_change"], '{"event_type": "glad"}', render) == "no event glad"


@RENDERERS
def test_a_missing_key_has_no_value(render: Render) -> None:
    with pytest.raises(Exception, match="mood"):  # Jinja's own exception class may not be installed
        render("{{ value_json.mood }}", {})


@pytest.mark.parametrize(
    "template",
    [
        "{{ value_json.a }} %",
        "{{ value_json.a }}{{ value_json.a }}",
        "{{ value_json.a - 1 }}",
        "{{ value_json.a < 1 }}",
        "{{ value_json.a * 2 | int }}",
        "{{ value_json.a | upper }}",
        "{{ value_json.a() }}",
        "{{ b }}",
    ],
)
def test_the_plain_reader_refuses_what_it_might_misread(template: str) -> None:
    with pytest.raises((ValueError, KeyError)):
        ha_templates.plainly(template, {"a": 1})
