"""A window of sound -> a reading."""
