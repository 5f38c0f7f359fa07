"""Turns a window of sound into a voice reading."""
