"""What a run's records tell experiment trackers: MLflow, and Weights & Biases. They decide nothing."""
