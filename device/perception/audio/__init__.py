"""Features of sound, frame by frame, computed once for windows that overlap."""
