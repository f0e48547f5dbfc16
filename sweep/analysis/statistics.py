"""Kept while the report's modules move: see ``paired``, ``paired_tests`` and ``verdict``."""

from sweep.analysis.paired import compare, paired_differences
from sweep.analysis.paired_tests import holm
from sweep.analysis.verdict import is_phantom, signed, verdict

__all__ = ["compare", "holm", "is_phantom", "paired_differences", "signed", "verdict"]
