"""Sounds without a voice, and the impulse responses of rooms."""
