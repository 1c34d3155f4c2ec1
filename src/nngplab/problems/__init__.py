"""What belongs to one problem of the problem set only."""
