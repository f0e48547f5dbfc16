"""``python -m sweep.cli``."""

from sweep.cli.main import program

program()
