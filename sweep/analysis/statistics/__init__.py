"""Intervals, tests and power of paired comparisons."""
