"""Finds, follows and reads faces in frames and pictures, within a CPU budget."""
