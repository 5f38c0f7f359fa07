"""Reads pictures, sound and video from files."""
