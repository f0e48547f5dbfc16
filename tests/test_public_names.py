"""The public names: there, documented, and imported when they are used."""

from __future__ import annotations

import importlib
import inspect
import subprocess
import sys

import pytest

PACKAGES = ("balancing", "sweep")
HEAVY = ("ray", "torch", "matplotlib", "pandas", "sklearn", "pyarrow", "datasets", "imblearn", "torchcam", "scipy")


@pytest.mark.parametrize("package", PACKAGES)
def test_every_public_name_is_there_and_says_what_it_is(package: str) -> None:
    module = importlib.import_module(package)
    assert set(module.__all__) <= set(dir(module))
    for name in module.__all__:
        assert getattr(module, name) == getattr(importlib.import_module(package), name)
        if not name.startswith("__"):
            assert inspect.getdoc(getattr(module, name)), f"{package}.{name} has no docstring"
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = module.nonsense


def test_importing_the_packages_loads_nothing_heavy() -> None:
    script = f"import sys, balancing, sweep; print([name for name in {HEAVY!r} if name in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", script], text=True).strip() == "[]"


def test_names_are_used_and_arrays_resampled_without_ray_torch_or_matplotlib() -> None:
    script = (
        "import sys, numpy, balancing, sweep\n"
        "for module in (balancing, sweep): [getattr(module, name) for name in module.__all__]\n"
        "balancing.techniques()\n"
        "balancing.resample('undersampling', numpy.zeros((5, 4), numpy.uint8), [0, 1, 1, 1, 0])\n"
        "print([name for name in ('ray', 'torch', 'matplotlib', 'datasets', 'imblearn') if name in sys.modules])"
    )
    assert subprocess.check_output([sys.executable, "-c", script], text=True).strip() == "[]"
