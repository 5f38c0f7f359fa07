"""The student of voices: a small network with one output per frame, distilled from Whisper."""
