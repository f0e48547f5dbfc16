"""Sentences that several sections, or the terminal, say of a run."""
