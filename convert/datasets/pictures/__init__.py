"""Faces: one file a corpus."""
