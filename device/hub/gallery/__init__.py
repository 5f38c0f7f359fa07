"""The gallery: faces that show what a voice expresses."""
