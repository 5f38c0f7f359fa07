"""The page's HTTP routes."""
