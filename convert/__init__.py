"""Datasets -> trained networks -> int8 .tflite with their cards. Runs on a workstation; nothing imports it."""
