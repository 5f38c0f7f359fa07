"""The history: moods, actions and gaps, in SQLite."""
