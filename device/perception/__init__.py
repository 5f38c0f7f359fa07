"""Pictures and sound in, probabilities and a mood out. No thread, no device, no network."""
