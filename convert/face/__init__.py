"""The face network: its task, its pictures, and how a face is framed."""
