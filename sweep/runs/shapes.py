"""What a record must look like before anybody computes with it: JSON that was damaged can still be JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from balancing.metrics import METRICS
from sweep.hyperparameters import HYPERPARAMETERS

_BEYOND = 2**63  # what numpy and pandas can't hold

Shape = Any  # a type, a tuple of types (None among them), words, [shape of each], {key: shape of its value, ...}

NUMBER = (int, float)
_METRIC = frozenset(METRICS)


def misfit(value: Any, shape: Shape, where: str = "") -> str:
    """What is wrong with a value, in a few words; "" where it fits.

    Args:
        value: of JSON.
        shape: a type (``int`` takes no true, and whole numbers of 64 bits alone; ``float`` is a fraction, and
            finite), a tuple of types or None of which one must fit, a frozenset of words, ``[shape]`` for a list of
            such, or ``{"key": shape}`` for an object that has these keys and perhaps others; a key that ends in ``?``
            may be missing, ``*`` is any other.
        where: the value's place, to begin with.

    >>> misfit({"trials": ["a", 7]}, {"trials": [str], "time?": str})
    'trials.1 is 7'
    """
    if isinstance(shape, list):
        if not isinstance(value, list):
            return _wrong(value, where)
        return next((wrong for i, part in enumerate(value) if (wrong := misfit(part, shape[0], _at(where, i)))), "")
    if isinstance(shape, Mapping):
        if not isinstance(value, dict):
            return _wrong(value, where)
        others = {name: shape["*"] for name in value if "*" in shape and name not in shape}
        for key, inner in {**shape, **others}.items():
            name = key.removesuffix("?")
            if key == "*":
                continue
            if name not in value:
                if key == name:
                    return f"{_at(where, name)} is missing"
            elif wrong := misfit(value[name], inner, _at(where, name)):
                return wrong
        return ""
    if isinstance(shape, frozenset):
        return "" if isinstance(value, str) and value in shape else _wrong(value, where)
    allowed = shape if isinstance(shape, tuple) else (shape,)
    return "" if any(_is(value, kind) for kind in allowed) else _wrong(value, where)


def _is(value: Any, kind: type | None) -> bool:
    if kind is None:
        return value is None
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool) and abs(value) < _BEYOND
    if kind is float:  # JSON as Python reads it has NaN and infinities
        return isinstance(value, float) and math.isfinite(value)
    return isinstance(value, kind)


def _at(where: str, key: Any) -> str:
    return f"{where}.{key}" if where else str(key)


def _wrong(value: Any, where: str) -> str:
    if isinstance(value, dict | list):
        shown = f"a {type(value).__name__}"
    elif isinstance(value, int) and abs(value) >= _BEYOND:
        shown = "a number beyond 64 bits"
    else:
        shown = repr(value)
    return f"{where or 'it'} is {shown if len(shown) <= 60 else shown[:60] + '...'}"


_VERSIONS: Shape = {"torch?": str, "ray?": str, "balancing-act?": str}
RUN: Shape = {
    "format": int,
    "id": str,
    "status?": str,
    "command?": str,
    "versions": _VERSIONS,
    "precision?": (str, None),
    "resumed?": [{}],
    "created?": str,
    "finished?": (str, None),
    "machine?": {},
    "vectors?": (str, None),
    "notes": [str],
    "components?": {"*": {"axis": str, "module": str, "distribution": str, "identity": str}},
    "decisions_added?": [{"time": str, "techniques": {"*": {}}}],
    "seeds_added?": [{"time": str, "seeds": [int], "openings": int}],
    "stage?": str,
    "folds?": {"folds": int, "repeats": int},
    "fold?": {"number": int, "folds": int, "repeats": int},
    "decision?": {
        "time": str,
        "metric": _METRIC,
        "keep": int,
        "techniques": [str],
        "ranked": [{"technique": str, "validation": NUMBER, "seeds": int, "as": (str, None), "why": str}],
    },
    "data": {
        "source": str,
        "fingerprint": str,
        "split_fingerprint": str,
        "shape": [int],
        "images?": int,
        "left_out?": int,
        "class_names": [str],
        "positive": (int, None),
        "class_counts": {"train": [int], "validation": [int], "test": [int]},
    },
}
TRIALS: Shape = [
    {
        "technique": str,
        "lr": NUMBER,
        "epochs": int,
        "seed": int,
        "parameters?": {},
        "components?": {"*": str},
        **{f"{h.name}?": NUMBER if h.kind is float else int for h in HYPERPARAMETERS if h.name not in ("lr", "epochs")},
        "image_size?": int,
        "positive?": (int, None),
        "draw?": int,
        "seed_index?": int,
        **{f"{name}?": str for name in ("trial_id", "weights", "precision", "data", "split")},
        **dict.fromkeys(("budget?", "optimizer?", "lr_schedule?", "stem?"), str),
        "metric?": _METRIC,
        **dict.fromkeys(("warmup?", "keep_from?"), NUMBER),
    }
]
SELECTION: Shape = [
    {
        "technique": str,
        "configuration": str,
        "trial_ids": [str],
        "seeds": [int],
        "metric?": _METRIC,
        "mean": NUMBER,
        "spread": (*NUMBER, None),
        "complete": bool,
        "configurations?": int,
        "trials?": int,
        "planned?": int,
        "explored?": {"trial_ids": [str], "seeds": [int], "mean": NUMBER, "spread": (*NUMBER, None)},
    }
]
CONFIRMING: Shape = {
    "chosen": [{**SELECTION[0], "mean": (*NUMBER, None), "spec": TRIALS[0]}],
    "alone": bool,
    "rounds": [{"time": str, "seeds": [int], "techniques": [str], "answers?": {"*": str}}],
    "looks?": [int],
}
STATUS: Shape = {
    "status": str,
    "best_epoch?": (int, None),
    "error?": (str, None),
    "attempts?": int,
    "network?": (str, None),
    "trained_with?": [_VERSIONS],
    "reopened?": [str],
    "attempt?": str,
    "plan_counts?": [int],
}
EPOCHS: Shape = [{"epoch": int, "seconds": NUMBER, "images_per_second": NUMBER, "*": (*NUMBER, None)}]
BAD_IMAGES: Shape = [{"name": str, "reason": str}]
OPENING: Shape = {"time": str, "trials": [str], "look?": int, "added?": bool}
