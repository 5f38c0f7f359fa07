"""What is true now, and what can be asked."""
