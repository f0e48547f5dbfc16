"""Techniques on the data, one family a file; each turns labels and pixels into a TrainingPlan.

A new technique is one decorated builder (see ``balancing.registry``) in a file here; nothing else knows its name.
"""
