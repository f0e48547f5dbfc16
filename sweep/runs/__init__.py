"""What is on disk of a run; nothing else writes there."""
