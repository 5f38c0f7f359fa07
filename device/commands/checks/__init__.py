"""The checks of `mien doctor`: functions from a Context to Checks, in the list CHECKS of device/commands/doctor.py."""
