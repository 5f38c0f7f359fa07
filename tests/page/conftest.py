"""A hub's settings, as the tests of the hub have them."""

from tests.hub.conftest import house, short

__all__ = ["house", "short"]
