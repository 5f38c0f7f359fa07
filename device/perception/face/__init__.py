"""Where faces are in a stream of frames: found, followed, and searched for within a budget."""
