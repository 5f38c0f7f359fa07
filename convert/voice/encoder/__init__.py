"""The speech encoder: the first two blocks of Whisper's, made smaller and distilled on ordinary speech."""
