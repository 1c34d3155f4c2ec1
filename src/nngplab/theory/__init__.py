"""The theory problems of the sheet: every numbered equation of docs/theory as an identity that checks itself."""
