"""Voices: one file a corpus, and `clips`, which reads any of them."""
