"""Samplers: which rows train, as a TrainingPlan."""
