"""The contract between `sense` and `hub`."""
