"""Mien on the device: `sense` sees and hears, `hub` acts and remembers, `link` is the door between them."""

__version__ = "0.1.0"
