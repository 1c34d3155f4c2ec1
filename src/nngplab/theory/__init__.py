"""The theory problems: each numbered equation of docs/theory as an identity with a check."""
