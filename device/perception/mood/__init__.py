"""Readings -> one calm mood."""
