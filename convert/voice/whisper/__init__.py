"""Whisper's encoder (Radford et al. 2022, MIT): its weights, and the network that they belong to."""
