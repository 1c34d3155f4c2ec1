"""What the tests share: commands, checkouts and a small workflow."""
