"""Rules: which mood starts and ends which action."""
