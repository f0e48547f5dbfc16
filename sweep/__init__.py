"""The comparison of balancing techniques: configuration, trials, records, analysis, report."""
