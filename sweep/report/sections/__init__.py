"""The topics of the report, a module each; see ``sweep.report.section``."""
