"""Optimisation steps of several passes, or of a rule of their own: one a file."""
