"""The weights that a network starts from: ImageNet's, a checkpoint's, or none; loaded once, and looked at first."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from balancing.errors import UserError
from sweep.runs.files import is_stored
from sweep.training.networks import imagenet
from sweep.training.networks.base import State
from sweep.training.networks.resnet18 import ResNet18

_ZIP = b"PK\x03\x04"  # by which torch.load tells its zip files from its older format


def load_weights(weights: str, say: Callable[[str], None] = lambda note: None) -> tuple[State | None, str]:
    """The starting weights a user named, loaded once, before anything long starts.

    Args:
        weights: ``none``, ``imagenet``, or the path of a local checkpoint: a state_dict of ResNet18, alone or under
            ``state_dict`` or ``model``; a head of any size is left away.
        say: told what was mended.
    Returns:
        (state without head, or None; its name for a trial's id: ``none``, ``imagenet`` or ``sha256:...``).
    Raises:
        UserError: the download failed, there is no such file, it is no safe checkpoint, or not of ResNet18.
    """
    if weights == "none":
        return None, "none"
    if weights == "imagenet":
        return _fitting(_load(imagenet.read_checked(say), imagenet.cached_file()), imagenet.cached_file()), "imagenet"
    path = Path(weights).expanduser()
    if not path.is_file():
        raise UserError(f"--weights {weights} is neither 'imagenet', 'none', nor a file; give the path of a checkpoint")
    content = path.read_bytes()
    return _fitting(_load(content, path), path), "sha256:" + hashlib.sha256(content).hexdigest()[:16]


def _load(content: bytes, path: Path) -> Any:
    """Tensors alone, from the very bytes that were hashed; the path is for people."""
    if content.startswith(_ZIP) and not _is_stored(content):
        raise UserError(
            f"checkpoint {path} is damaged or packed, and a packed one could fill the memory; save it as "
            "torch.save(model.state_dict(), FILE)"
        )
    try:
        return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    # A damaged file can raise almost anything (IndexError, struct.error ...), and torch's own words advise to trust it.
    except Exception as error:
        raise UserError(
            f"checkpoint {path} can't be read safely: it is damaged, or holds more than tensors, which could run code; "
            "save it as torch.save(model.state_dict(), FILE)"
        ) from error


def _is_stored(content: bytes) -> bool:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return is_stored(archive, len(content))
    except Exception:  # a damaged file can raise almost anything
        return False


def _fitting(loaded: Any, path: Path) -> State:
    """The part of a loaded checkpoint that starts a ResNet18; says which tensors are missing or of another shape."""
    for key in ("state_dict", "model"):
        if isinstance(loaded, Mapping) and isinstance(loaded.get(key), Mapping):
            loaded = loaded[key]
    if not isinstance(loaded, Mapping) or not _holds_tensors(loaded):
        raise UserError(f"checkpoint {path} holds no state_dict; save it as torch.save(model.state_dict(), FILE)")
    state = {name.removeprefix("module."): value for name, value in loaded.items()}
    state = {name: value for name, value in state.items() if not name.startswith("fc.")}
    expected = {name: v.shape for name, v in ResNet18(1).state_dict().items() if not name.startswith("fc.")}
    wrong = [
        f"{name} is {tuple(state[name].shape)}, not {tuple(shape)}"
        for name, shape in expected.items()
        if name in state and not state[name].is_nested and state[name].shape != shape
    ]
    wrong += [f"{name} is missing" for name in expected if name not in state and "num_batches" not in name]
    wrong += [f"{name} is not of ResNet18" for name in state if name not in expected]
    if wrong:
        more = f" and {len(wrong) - 3} more" if len(wrong) > 3 else ""
        raise UserError(
            f"checkpoint {path} is of another model: {'; '.join(wrong[:3])}{more}; give one of torchvision's resnet18"
        )
    unusable = [f"{name} {fault}" for name, tensor in state.items() if (fault := _unusable(tensor))]
    if unusable:
        raise UserError(f"no network can start from checkpoint {path}: {unusable[0]}; give a sound one")
    return {name: state.get(name, torch.tensor(0)) for name in expected}


def _unusable(tensor: torch.Tensor) -> str:
    """Why a network can't start from a tensor of the right shape; "" where it can."""
    if tensor.is_nested or tensor.is_meta or tensor.layout != torch.strided or tensor.is_quantized:
        return "is no dense tensor with content"
    if tensor.ndim and not tensor.is_floating_point():  # without a dimension: batches counted
        return f"holds {str(tensor.dtype).removeprefix('torch.')}, not fractions"
    return "" if bool(torch.isfinite(tensor).all()) else "holds NaN or infinity"


def _holds_tensors(state: Mapping[Any, Any]) -> bool:
    return all(isinstance(name, str) and isinstance(value, torch.Tensor) for name, value in state.items())
