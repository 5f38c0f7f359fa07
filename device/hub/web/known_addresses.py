"""The addresses from which somebody has logged in: places are kept for them when the network is crowded."""

from collections import OrderedDict

MAX_KNOWN = 64


class KnownAddresses:
    """The addresses that were used last, as LimitKeys.address names them."""

    def __init__(self) -> None:
        self._addresses: OrderedDict[str, None] = OrderedDict()

    def add(self, address: str) -> None:
        """Remember an address from which a right password or the cookie of a session came."""
        self._addresses[address] = None
        self._addresses.move_to_end(address)
        if len(self._addresses) > MAX_KNOWN:
            self._addresses.popitem(last=False)

    def clear(self) -> None:
        """Forget all of them."""
        self._addresses.clear()

    def __contains__(self, address: str) -> bool:
        return address in self._addresses
