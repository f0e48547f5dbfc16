"""A run's networks for the world outside: ONNX, safetensors, a model card, the Hub."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sweep.export.loading import load

__all__ = ["load"]


def __getattr__(name: str) -> Any:
    if name == "load":  # takes torch, which an upload does not
        from sweep.export.loading import load

        return load
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
