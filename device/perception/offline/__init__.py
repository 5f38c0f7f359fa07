"""Files read offline, for `mien analyze` and `mien gallery`."""
