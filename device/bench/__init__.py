"""How fast: what `mien bench` measures on a device. Nothing else imports it."""
