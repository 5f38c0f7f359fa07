"""The teacher of voices: frozen layers of Whisper, and heads on top of them."""
