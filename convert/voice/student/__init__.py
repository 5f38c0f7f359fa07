"""The student of voices: a small network that keeps time and is taught by Whisper."""
