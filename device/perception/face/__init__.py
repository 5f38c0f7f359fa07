"""Faces in frames and pictures: found, followed and read, within a CPU budget."""
