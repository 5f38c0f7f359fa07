"""The fixtures of the hub's tests."""

from tests.hub.conftest import house, short

__all__ = ["house", "short"]
