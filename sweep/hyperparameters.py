"""The hyperparameters that all techniques share."""

SHARED = ("lr", "epochs", "strength", "batch_size")
