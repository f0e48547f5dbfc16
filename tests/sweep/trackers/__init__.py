"""Trackers are told of runs from their records; the real libraries, offline."""
