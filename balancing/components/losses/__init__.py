"""Losses: what the network is trained to lower."""
