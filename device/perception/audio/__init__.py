"""What is measured of sound, frame by frame, and kept from window to window."""
