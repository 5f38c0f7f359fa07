"""Models, each a .tflite and its card: checked, tested, installed, rolled back."""
