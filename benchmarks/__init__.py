"""One script a claim of speed or memory; each prints a table: ``python -m benchmarks.NAME`` in the project's folder."""
