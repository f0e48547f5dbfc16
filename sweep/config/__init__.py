"""The configuration: one validated object, from presets, files and the command line."""
