"""The study that this tool started from."""
