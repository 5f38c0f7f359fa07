"""Mien installed in a booted machine: how it is asked."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.system.machine import Machine, missing

MARKS = [
    pytest.mark.system,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(bool(missing()), reason=missing() or "-"),
]
INSTALL = "/srv/mien/systemd/install.sh"
ASK = """python3 -c '
import urllib.request
print(urllib.request.urlopen("http://127.0.0.1:8137/api/state", timeout=2).read().decode())'"""
OFFLINE = "PIP_NO_INDEX=1 PIP_FIND_LINKS=/srv/wheels"


def state_of(machine: Machine) -> dict[str, Any]:
    state: dict[str, Any] = json.loads(machine.run(ASK))
    return state


def until(machine: Machine, holds: Callable[[dict[str, Any]], object], limit_s: float = 30) -> float:
    """How long it took until the hub's state is so, seconds."""
    begun_s = time.monotonic()
    while True:
        try:
            state = state_of(machine)
        except AssertionError:
            state = {}
        if state and holds(state):
            return time.monotonic() - begun_s
        assert time.monotonic() - begun_s < limit_s, f"not within {limit_s:g} s: {state}"
        time.sleep(0.1)


def sees(state: dict[str, Any]) -> bool:
    return bool(state["sense"]["available"] and state["mood"])


def pid_of(machine: Machine, unit: str) -> int:
    return int(machine.run(f"systemctl show -P MainPID {unit}"))
