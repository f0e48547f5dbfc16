"""Decisions: fitted on validation after training, from logits to classes."""
