"""The voice networks: their tasks, the protocols of who is heard, and what each said."""
