"""Copies of clips: clean ones for the teacher, degraded ones for the student."""
