"""What the package can do without."""

from __future__ import annotations

import subprocess
import sys


def test_the_balancing_room_knows_nothing_of_sweep_or_ray() -> None:
    code = """
import sys
for name in ("ray", "sweep"):
    sys.modules[name] = None
import importlib, pkgutil, balancing
for module in pkgutil.walk_packages(balancing.__path__, "balancing."):
    importlib.import_module(module.name)
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
