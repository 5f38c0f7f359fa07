"""Pictures, sound and video out of files."""
