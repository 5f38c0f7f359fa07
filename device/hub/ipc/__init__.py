"""The hub's ends of the two sockets to `sense`."""
