"""One image set and its split."""
