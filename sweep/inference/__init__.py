"""A run's networks put to use on new images: which, how images are read for them, and how they decide."""
