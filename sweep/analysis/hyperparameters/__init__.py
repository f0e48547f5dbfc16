"""Which hyperparameters mattered."""
