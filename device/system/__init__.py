"""Helpers for the operating system: files, clock, systemd, terminal, network isolation."""
