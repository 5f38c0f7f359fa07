"""The command line of convert: the steps, and the arguments that they share."""
