"""What other programs read from Mien, byte for byte as 0.1 wrote it (tests/contract/*.json, of commit ca12789).

A key that is added or moved, another digit, another topic or another order fails here. To record anew, on purpose:
`python -m tests.contract.hub . > tests/contract/hub.json`, and `tests.contract.commands` likewise.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.contract import commands, hub
from tests.hub.conftest import Broker, broker, free_port, short

__all__ = ["broker", "short"]  # fixtures

_HOUSE = Path(__file__).parents[1]
_RECORDS = Path(__file__).parent / "contract"


def _recorded(name: str) -> dict[str, Any]:
    record: dict[str, Any] = json.loads((_RECORDS / f"{name}.json").read_text())
    return record


def _lines(document: Any) -> list[str]:
    """With the order of the keys, which `==` of two dicts does not see."""
    return json.dumps(document, indent=1).splitlines()


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    record: dict[str, Any] = commands.record(_HOUSE, tmp_path_factory.mktemp("commands"))
    return record


def test_http_mqtt_metrics_and_the_socket_say_what_they_said(broker: Broker, short: Path) -> None:
    found = hub.record(_HOUSE, short, free_port(), broker.port)
    for part, before in _recorded("hub").items():
        assert _lines(found[part]) == _lines(before), part


@pytest.mark.parametrize("command", ["analyze", "bench"])
def test_the_json_of_a_command_has_the_keys_that_it_had(command: str, printed: dict[str, Any]) -> None:
    assert _lines(printed[command]) == _lines(_recorded("commands")[command])


def test_the_json_of_doctor_has_the_keys_and_the_checks_that_it_had(printed: dict[str, Any]) -> None:
    before = _recorded("commands")["doctor"]
    now = dict(printed["doctor"])
    # A machine with sensors or units of its own has more of them.
    now["checks"] = [check for check in now["checks"] if check in before["checks"]]
    assert _lines(now) == _lines(before)
