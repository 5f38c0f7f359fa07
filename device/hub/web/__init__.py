"""The page on the wall, and its server on loopback."""
