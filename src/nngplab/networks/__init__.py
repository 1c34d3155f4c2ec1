"""Fully connected networks, random features and their training."""
