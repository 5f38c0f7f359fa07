"""Small things of the operating system: files, clock, systemd, terminal, network isolation."""
