"""Mien as a system service: a Debian that has booted, with its own systemd. `make test-system`; needs root."""
