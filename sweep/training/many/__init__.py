"""Heads of frozen networks: many seeds at once, and bundles of trials."""
