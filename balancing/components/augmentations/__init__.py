"""Augmentations: (images, generator) -> images, each batch."""
