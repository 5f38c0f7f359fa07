"""The training loop, its checkpoints, and training on several processes."""
