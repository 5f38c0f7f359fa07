"""Readings of faces and voices -> one calm mood."""
