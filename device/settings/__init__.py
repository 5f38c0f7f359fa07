"""One TOML file -> frozen, typed settings."""
