"""Readers of voice corpora: one file per corpus, and `clips`, which reads any of them."""
