"""Techniques on the data, one family a file; each turns labels and pixels into a TrainingPlan.

A new technique is one decorated builder in a file here (see
``balancing.components.registry``); nothing else knows its name.
"""
