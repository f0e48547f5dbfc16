"""Numbers and lists as text."""
