"""The model pairs: a .tflite and its card (.json) each."""
