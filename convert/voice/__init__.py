"""The voice networks: tasks, protocols, benchmarks, and how the two networks are combined."""
