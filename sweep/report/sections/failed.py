"""Trials that did not end well."""

from __future__ import annotations

from sweep.report.context import ReportContext
from sweep.report.registry import section
from sweep.report.section import SectionBody
from sweep.report.tables import results as shown_tables
from sweep.report.words.opening import failed


@section("failed", "Failures", 1100)
def failures_section(context: ReportContext) -> SectionBody | None:
    """None where every trial ended well."""
    table = shown_tables.failures(context.run)
    return SectionBody([table], found=failed(context.run)) if table else None
