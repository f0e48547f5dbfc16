"""Losses: ``(logits (B, C), soft targets (B, C)) -> (B,)``, one a file."""
