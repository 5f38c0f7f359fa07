"""Readers of face corpora: one file per corpus."""
