"""A run's networks for the world outside: ONNX, safetensors, a model card, the Hub."""

from sweep.export.loading import load

__all__ = ["load"]
