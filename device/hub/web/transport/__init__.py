"""Listeners, connections and TLS."""
