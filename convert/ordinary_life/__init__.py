"""Ordinary life, simulated: how often Mien acts without a reason, and how soon it acts on a real mood."""
