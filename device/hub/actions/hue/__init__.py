"""Philips Hue."""
