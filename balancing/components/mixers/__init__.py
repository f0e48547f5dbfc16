"""Mixers: mix the rows of each batch with partners."""
