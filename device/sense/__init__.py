"""Eyes and ears. Holds camera, microphone and models; has no network."""
