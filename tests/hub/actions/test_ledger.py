"""The restore ledger: the expected state of a device, and the precision of the comparison."""

from typing import Any

import pytest

from device.hub.actions.restore.ledger import RestoreLedger
from device.hub.actions.restore.previous_state import PreviousState, matches
from tests.hub.actions.fakes import BLUE, RED
from tests.hub.actions.peers import Clock


def test_a_lamp_that_still_fades_is_expected_to_reach_its_target() -> None:
    clock = Clock()
    ledger = RestoreLedger(clock)
    was = {"on": True, "brightness": 60, "colour": "#ffffff"}
    ledger.mark_finished(
        ledger.record("a", RED, [PreviousState("lamp", was, {"on": True, "colour": "#ff0000"}, settle_s=5.0)])
    )
    fading = was | {"colour": "#ff7777"}
    (entries,) = ledger.record("b", BLUE, [PreviousState("lamp", fading, {"on": True, "brightness": 20})])
    assert entries.previous.state == was
    assert entries.expected == {"on": True, "brightness": 20, "colour": "#ff0000"}


@pytest.mark.parametrize(
    ("away_s", "left_s"), [(0, 600), (500, 100), (3600, 0), (-86_400, 600)], ids=["at once", "soon", "late", "back"]
)
def test_after_a_restart_it_settles_for_the_remaining_time(away_s: float, left_s: float) -> None:
    wall = Clock()
    before = RestoreLedger(Clock(), wall_clock=wall)
    entries = before.record("a", RED, [PreviousState("lamp", {"on": False}, {"on": True}, settle_s=600.0)])
    wall.now_s += 20
    before.mark_finished(entries)
    wall.now_s += away_s
    clock = Clock()
    after = RestoreLedger(clock, entries, wall_clock=wall)
    if left_s:
        clock.now_s += left_s - 1
        assert after.is_untouched(entries[0], {"on": False})
        clock.now_s += 1
    assert not after.is_untouched(entries[0], {"on": False})


@pytest.mark.parametrize(
    ("expected", "now", "same"),
    [
        ({"brightness": 40.0}, {"brightness": 42.4}, True),
        ({"brightness": 40.0}, {"brightness": 43}, False),
        ({"brightness": 40.0}, {}, False),
        ({"brightness": None}, {"brightness": 3}, True),
        ({"on": True}, {"on": True, "brightness": 3}, True),
        ({"on": True}, {"on": False}, False),
        ({"colour": ("xy", 0.4, 0.5)}, {"colour": ("xy", 0.43, 0.46)}, True),
        ({"colour": ("xy", 0.4, 0.5)}, {"colour": ("xy", 0.46, 0.5)}, False),
        ({"colour": ("xy", 0.4, 0.5)}, {"colour": ("kelvin", 2700)}, False),
        ({"colour": ("kelvin", 2700)}, {"colour": ("kelvin", 2790)}, True),
        ({"colour": "#ff0000"}, {"colour": "#ff0001"}, False),
        ({"volume": 50}, {"volume": 57}, True),
        ({"volume": 50}, {"volume": 58}, False),
        ({"songs": frozenset("ab")}, {"songs": frozenset("a")}, True),
        ({"songs": frozenset("ab")}, {"songs": frozenset("abc")}, False),
        ({"songs": frozenset("ab")}, {"songs": "ab"}, False),
    ],
)
def test_states_match_within_the_precision_of_devices(
    expected: dict[str, Any], now: dict[str, Any], same: bool
) -> None:
    assert matches(expected, now) is same
