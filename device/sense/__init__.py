"""The process with camera, microphone and models, and without a network."""
