"""One trial, without Ray."""
