"""Schedules: what trains in which epoch."""
