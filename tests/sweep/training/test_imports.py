"""What training can do without."""

from __future__ import annotations

import subprocess
import sys


def test_training_needs_neither_ray_nor_what_only_others_need() -> None:
    code = """
import sys
blocked = "ray datasets imblearn torchcam pydantic rich typer matplotlib jinja2 tensorboard"
for name in blocked.split():
    sys.modules[name] = None
import importlib, pkgutil, sweep.training
for module in pkgutil.walk_packages(sweep.training.__path__, "sweep.training."):
    importlib.import_module(module.name)
from balancing.components.techniques import get_technique, techniques
import balancing.components.augmentations.rotate_flip, balancing.components.plans
import balancing.data.images, balancing.data.splits
assert len(techniques()) >= 6
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
