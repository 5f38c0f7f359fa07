"""The state of a target before an action, and the comparison that shows whether somebody else has changed it since."""

from typing import Any

from msgspec import Struct

TargetState = dict[str, Any]
"""A target's state, with names that all destinations share: `on`, `brightness` and `volume` (%), `colour` (`#rrggbb`,
or a tuple of its kind and its numbers: ("xy", x, y), ("kelvin", K)), `colours` (a list, one for each part), `playing`,
`songs`, `playlist`, `preset`."""

# Devices round the values that they receive: brightness to one of 254 steps, a colour to one that their LEDs can show,
# a volume to the nearest of a mixer's 16 steps.
_TOLERANCE = {"brightness": 2.5, "volume": 7.0, "xy": 0.05, "kelvin": 120.0}


class PreviousState(Struct, frozen=True):
    """One target before an action."""

    target: str
    """`hue light <uuid>`, `wled <host>`: the same for every action that changes it."""
    state: TargetState
    requested: TargetState
    """What the action asks for. None stands for a value that cannot be predicted."""
    is_complete: bool = False
    """True: `requested` is the whole new state. False: what it does not name stays as it was."""
    settle_s: float = 0.0
    """The time after the action until the target's report can be compared: a lamp fades."""
    details: Any = None
    """What else the destination needs to restore it; never compared."""

    def predict(self, state: TargetState) -> TargetState:
        """The state after the action when it starts from `state`."""
        return dict(self.requested) if self.is_complete else {**state, **self.requested}


def matches(expected: TargetState, now: TargetState) -> bool:
    """Whether `now` equals `expected` within the precision of devices. Only what `expected` names is compared.

    None equals anything. A set equals each of its subsets.
    """
    return all(_is_same(name, value, now.get(name)) for name, value in expected.items())


def _is_same(name: str, expected: Any, now: Any) -> bool:  # noqa: ANN401 - a state holds values of any kind
    # MPD on PulseAudio reports no volume while it is stopped.
    if expected is None or (name == "volume" and now is None):
        return True
    if isinstance(expected, frozenset):
        return isinstance(now, frozenset) and now <= expected
    if isinstance(expected, tuple):
        kind, *numbers = expected
        if not isinstance(now, tuple) or now[0] != kind or len(now) != len(expected):
            return False
        return all(_is_same(kind, one, other) for one, other in zip(numbers, now[1:], strict=True))
    if name in _TOLERANCE:
        return isinstance(now, int | float) and abs(expected - now) <= _TOLERANCE[name]
    return bool(expected == now)
