"""Networks, each a named, readable definition."""
