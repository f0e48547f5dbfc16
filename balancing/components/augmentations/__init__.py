"""Augmentations: change the images of each batch, never their classes."""
