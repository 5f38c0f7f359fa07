"""The architectures that ship, and their teachers."""
