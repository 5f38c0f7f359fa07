"""Datasets -> trained networks -> int8 .tflite with their cards. Runs on a workstation; nothing imports it."""

import device  # noqa: F401 - sets OPENBLAS_NUM_THREADS before numpy is imported
