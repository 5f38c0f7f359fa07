"""The command line of convert, an argument parser a step."""
