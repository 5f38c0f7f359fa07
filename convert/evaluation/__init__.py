"""Measures the shipped networks: predictions on the test sets, metrics, detection range, tracking cost."""
