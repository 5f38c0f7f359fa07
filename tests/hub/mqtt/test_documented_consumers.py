"""The consumers of docs/MQTT.md, as they stand there, with what a killed hub publishes."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from device.hub.mqtt.payloads import build_event_document
from tests.hub.hub_running import mood

DOCUMENT = Path(__file__).parents[3] / "docs" / "MQTT.md"
_START = 1_796_000_000_000
TOLD = (1, 2, 3, 5, 2, 3, 5, 6, 3, 5, 6, 7, 9)
"""Numbers in the order in which a hub that was killed twice publishes them."""
ONCE = [1, 2, 3, 5, 6, 7, 9]


def event(number: int) -> dict[str, Any]:
    document = build_event_document(mood(), 1_796_000_000.0, f"s1-{number}", number=_START + number)
    decoded: dict[str, Any] = json.loads(json.dumps(document))
    return decoded


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)


def test_the_program_takes_each_change_once() -> None:
    names: dict[str, Any] = {"json": json}
    exec(blocks("python")[0], names)  # noqa: S102 - our own document
    changes = names["Changes"]()
    taken = [changes.take(json.dumps(event(number))) for number in TOLD]
    assert [one["number"] - _START for one in taken if one] == ONCE
    without = event(1)
    del without["number"]
    assert changes.take(json.dumps(without)) == without


def test_the_automation_takes_each_change_once() -> None:
    jinja2: Any = pytest.importorskip("jinja2")
    whole = blocks("yaml")[0]
    condition = re.search(r'value_template: "(.*)"', whole)
    value = re.search(r'value: "(.*)"', whole)
    assert condition
    assert value
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined)
    helper, taken = "0.0", list[int]()
    for number in TOLD:
        trigger = {"payload_json": event(number)}
        said = environment.from_string(condition[1]).render(trigger=trigger, states=lambda _, now=helper: now)
        if said == "True":
            taken.append(number)
            helper = str(float(environment.from_string(value[1]).render(trigger=trigger)))
    assert taken == ONCE


def test_the_condition_of_an_entity_knows_a_repeat() -> None:
    jinja2: Any = pytest.importorskip("jinja2")
    condition = re.search(r'value_template: "(.*)"', blocks("yaml")[1])
    assert condition
    template = jinja2.Environment().from_string(condition[1])
    again = build_event_document(mood(), 1_796_000_000.0, "s1-1", number=_START, is_again=True)
    for document, said in ((again, "False"), (event(1), "True")):
        assert template.render(trigger={"to_state": {"attributes": document}}) == said
