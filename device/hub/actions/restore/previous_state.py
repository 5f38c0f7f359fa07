"""What something was before an action, so that it can be brought back; and whether it is still what was asked for."""

from typing import Any

from msgspec import Struct

Look = dict[str, Any]
"""How something is, by names that every destination shares: `on`, `brightness` and `volume` (%), `colour` (`#rrggbb`,
or a tuple of its kind and its numbers: ("xy", x, y), ("kelvin", K)), `colours` (a list, of each part), `playing`,
`songs`, `playlist`, `preset`."""

# A device rounds what it is given: brightness to one of 254 steps, a colour to what its LEDs can show, a volume to the
# next of a mixer's 16 steps.
_TOLERANCE = {"brightness": 2.5, "volume": 7.0, "xy": 0.05, "kelvin": 120.0}


class PreviousState(Struct, frozen=True):
    """One target before an action."""

    target: str
    """`hue light <uuid>`, `wled <host>`: the same for whatever action reaches it."""
    was: Look
    asked: Look
    """What the action asks of it. None for what nobody can tell beforehand."""
    alone: bool = False
    """`asked` is all that will hold; else what it does not name stays as it was."""
    settle_s: float = 0.0
    """From the action on, until it can be compared: a lamp fades."""
    more: Any = None
    """What else it needs to be brought back; never compared."""

    def expected(self, was: Look) -> Look:
        """What it will be after the action, coming from `was`."""
        return dict(self.asked) if self.alone else {**was, **self.asked}


def matches(expected: Look, now: Look) -> bool:
    """Whether `now` is `expected`, as far as devices are exact. Only what `expected` names is compared.

    None agrees with anything; a set, with every set that holds nothing else.
    """
    return all(_same(name, value, now.get(name)) for name, value in expected.items())


def _same(name: str, expected: Any, now: Any) -> bool:  # noqa: ANN401 - a look holds values of any kind
    # A player that is stopped may not tell its volume: MPD on PulseAudio.
    if expected is None or (name == "volume" and now is None):
        return True
    if isinstance(expected, frozenset):
        return isinstance(now, frozenset) and now <= expected
    if isinstance(expected, tuple):
        kind, *numbers = expected
        if not isinstance(now, tuple) or now[0] != kind or len(now) != len(expected):
            return False
        return all(_same(kind, one, other) for one, other in zip(numbers, now[1:], strict=True))
    if name in _TOLERANCE:
        return isinstance(now, int | float) and abs(expected - now) <= _TOLERANCE[name]
    return bool(expected == now)
