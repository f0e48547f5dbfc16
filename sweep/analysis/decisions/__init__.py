"""What is decided by the networks' probabilities: thresholds, calibration, net benefit."""
