"""Model pairs, a .tflite and its .json: checked, tried, installed, taken back."""
