"""What differs between a recorded run and one made now.

Where ``machine`` is the recorded one, everything is compared exactly, floats to their last bits. Elsewhere trials, rows
and the report's form still are, training losses within ``TOLERANCE`` (of the first epoch within ``FIRST``), and the
report's arithmetic by the run folder of format 1, whose predictions are on disk. Keys may be added; none may vanish or
change its value.
"""

from __future__ import annotations

import importlib.metadata
import json
import math
import operator
import platform
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.golden.kinds import DATA
from tests.golden.taken import PROSE

# Of a mean training loss, as a share. Adam's first steps turn last bits into signs: with AVX2's kernels in place of
# AVX512's, predictions are others altogether after two epochs, and these losses differ by 13 % at most. Epochs whose
# images come in another order differ by up to 19 % in the first epoch already, and by 33 % after it.
TOLERANCE, FIRST = 0.3, 0.15
_SAME_EVERYWHERE = ("format", "status", "data", "rows", "trials")
_PACKAGES = ("numpy", "optuna", "pandas", "pillow", "scikit-learn", "scipy", "torch", "torchvision")
_PROCESSOR = ("vendor_id", "cpu family", "model", "model name", "stepping", "cache size")
_INSTRUCTIONS = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_tile", "amx_bf16", "asimd")


def machine() -> dict[str, str]:
    """All that the last bits of a float hang on: versions, and what the processor can do."""
    import torch

    found = {name: _version(name) for name in _PACKAGES}
    found["C library"] = " ".join(platform.libc_ver())
    found["torch built as"] = torch.__version__
    found["capability"] = torch.backends.cpu.get_cpu_capability()
    path = Path("/proc/cpuinfo")
    lines = path.read_text().split("\n\n")[0].splitlines() if path.exists() else []
    facts = dict(re.split(r"\s*:\s*", line, maxsplit=1) for line in lines if ":" in line)
    found |= {name: facts[name] for name in _PROCESSOR if name in facts}
    flags = facts.get("flags", facts.get("Features", "")).split()
    found["instructions"] = " ".join(name for name in _INSTRUCTIONS if name in flags)
    return found


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def differences(recorded: Any, found: Any, close: Callable[[float, float], bool] = operator.eq) -> list[str]:
    """What of the recorded values is missing or another now, a line each; what is there besides doesn't matter."""
    return list(_differences(recorded, found, close, ""))


def _differences(recorded: Any, found: Any, close: Callable[[float, float], bool], place: str) -> Iterator[str]:
    if isinstance(recorded, str) and recorded == PROSE:
        return
    if isinstance(recorded, Mapping) and isinstance(found, Mapping):
        for name, value in recorded.items():
            if name not in found:
                yield f"{place}/{name} is gone"
            else:
                yield from _differences(value, found[name], close, f"{place}/{name}")
    elif isinstance(recorded, list) and isinstance(found, list):
        if len(recorded) != len(found):
            yield f"{place} has {len(found)} entries, not {len(recorded)}"
        for number, (value, other) in enumerate(zip(recorded, found, strict=False)):
            yield from _differences(value, other, close, f"{place}/{number}")
    elif _is_number(recorded) and _is_number(found):
        if not close(recorded, found):
            yield f"{place} is {found!r}, not {recorded!r}"
    elif type(recorded) is not type(found) or recorded != found:
        yield f"{place} is {found!r}, not {recorded!r}"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def nearly(tolerance: float) -> Callable[[float, float], bool]:
    """Equal up to a share of the larger one, or up to that itself near 0."""
    return lambda one, other: math.isclose(one, other, rel_tol=tolerance, abs_tol=tolerance)


def recorded(name: str) -> Any:
    """What ``record`` kept."""
    return json.loads((DATA / f"{name}.json").read_text(encoding="utf-8"))


def is_recorded_machine() -> bool:
    """Whether floats must be equal to their last bits here."""
    return machine() == recorded("machine")


def as_recorded(before: Mapping[str, Any], now: Mapping[str, Any], *, exact: bool) -> list[str]:
    """How a run differs from the recorded one, a line each.

    Args:
        before, now: of ``taken.run``.
        exact: every number. Else what does not hang on last bits: which technique was chosen for, but not with what.
    """
    if exact:
        return differences(before, now)
    return [
        *differences({key: before[key] for key in _SAME_EVERYWHERE}, now),
        *differences(_form(before), _form(now)),
        *differences(_epochs(before, now, "epoch", "images"), _epochs(now, before, "epoch", "images")),
        *differences(_losses(before, now, 1), _losses(now, before, 1), _within(FIRST)),
        *differences(_losses(before, now), _losses(now, before), _within(TOLERANCE)),
    ]


def _form(run: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "chosen for": [choice["technique"] for choice in run["selection"]],
        "opened": len(run["opened"]),
        "sections": {name: dict.fromkeys(values, 0) for name, values in run["report"]["sections"].items()},
        "tables": {name: dict.fromkeys(columns, 0) for name, columns in run["report"]["tables"].items()},
    }


def _within(share: float) -> Callable[[float, float], bool]:
    """Equal up to a share of the larger one, however small both are."""
    return lambda one, other: math.isclose(one, other, rel_tol=share)


def _losses(run: Mapping[str, Any], other: Mapping[str, Any], first: int | None = None) -> dict[str, list[Any]]:
    """Training losses of all those epochs, or of the first ones."""
    return {trial: epochs[:first] for trial, epochs in _epochs(run, other, "train_loss").items()}


def _epochs(run: Mapping[str, Any], other: Mapping[str, Any], *names: str) -> dict[str, list[Any]]:
    """Some numbers of the epochs that both runs have: early stopping hangs on last bits too."""
    return {
        trial: [
            {name: epoch[name] for name in names}
            for epoch, _ in zip(record["epochs"], other["records"][trial]["epochs"], strict=False)
        ]
        for trial, record in run["records"].items()
        if trial in other["records"]
    }
