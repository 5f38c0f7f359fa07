"""The command line of convert: one file per step, with its help, its arguments and what it runs."""
