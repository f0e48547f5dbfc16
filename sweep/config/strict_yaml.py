"""YAML without its traps, as ``balancing`` reads it in layouts, too."""

from balancing.strict_yaml import read_yaml

__all__ = ["read_yaml"]
