"""Reads files offline, for `mien analyze` and `mien gallery`."""
