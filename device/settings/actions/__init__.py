"""What a mood can drive: a file for each destination, with its settings section and its actions."""
