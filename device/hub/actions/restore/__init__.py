"""What actions changed, and how it is put back."""
