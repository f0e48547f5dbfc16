"""Exact nearest neighbours, found once for all trials."""
