"""The report: one HTML page, Markdown, tables as CSV and LaTeX, figures as PNG and SVG."""
