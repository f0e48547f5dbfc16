"""The weights that a network starts from: ImageNet's, a checkpoint's, a run's, or none; looked at first."""

from __future__ import annotations

import hashlib
import io
import re
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from balancing.errors import UserError
from sweep.runs.files import is_stored
from sweep.runs.network_name import USUAL, NetworkName
from sweep.runs.spec import TrialSpec
from sweep.training.networks import imagenet, offline
from sweep.training.networks.base import State
from sweep.training.networks.catalogue import EFFICIENTNET_LITE, Family, family_of, shown_name
from sweep.training.networks.efficientnet_lite import from_published
from sweep.training.networks.of_run import PREFIX, network_file
from sweep.training.networks.resnet18 import stem_in
from sweep.training.networks.sizes import shapes_of
from sweep.training.networks.start import Start
from sweep.training.networks.torchvision import BODY

_ZIP = b"PK\x03\x04"  # by which torch.load tells its zip files from its older format


def load_weights(
    weights: str, say: Callable[[str], None] = lambda note: None, network: str = USUAL
) -> tuple[State | None, str]:
    """``Start.state`` and ``Start.name`` of ``load_start``."""
    found = load_start(weights, say, network)
    return found.state, found.name


def load_start(weights: str, say: Callable[[str], None] = lambda note: None, network: str = USUAL) -> Start:
    """The starting weights a user named, loaded once, before anything long starts.

    Args:
        weights: ``none``; ``imagenet``; ``run:RUN`` or ``run:RUN/TRIAL_ID``, see ``of_run``; or the path of a local
            checkpoint: a state_dict of the network, alone or under ``state_dict`` or ``model``. Of all of them the body
            alone is taken.
        say: told what was mended.
        network: as of ``TrialSpec.network``.
    Raises:
        UserError: the download failed, there is no such file or run, it is no safe checkpoint, or of another network.
    """
    asked = NetworkName.parse(network)
    architecture = asked.architecture
    family = family_of(architecture)
    if weights == "none":
        return Start()
    if weights == "imagenet":
        content, path = _imagenet(asked, say)
        state = {n: t for n, t in _state(_load(content, path), path).items() if not n.startswith(family.left_out)}
        return _start(state, "imagenet", path, architecture, (family.mean, family.std))
    of_run = weights.startswith(PREFIX)
    path = network_file(weights) if of_run else Path(weights).expanduser()
    if not path.is_file():
        raise UserError(
            f"--weights {weights} is neither 'imagenet', 'none', nor a file; give the path of a checkpoint, or run:RUN"
        )
    content = path.read_bytes()
    loaded = _load(content, path)
    spec = loaded.get("spec") if isinstance(loaded, Mapping) else None
    own: Family | TrialSpec = family
    if isinstance(spec, Mapping) and {"technique", "lr", "epochs", "seed"} <= spec.keys():
        _check_made(spec, path, architecture)
        own = TrialSpec.from_dict(spec)
    elif of_run:
        raise UserError(f"{path} does not say how it was trained; `sweep resume` of its run trains that trial again")
    name = "sha256:" + hashlib.sha256(content).hexdigest()[:16]
    return _start(_state(loaded, path), name, path, architecture, (own.mean, own.std))


def _imagenet(asked: NetworkName, say: Callable[[str], None]) -> tuple[bytes, Path]:
    if asked.architecture == EFFICIENTNET_LITE:
        return offline.read_checked()
    content = imagenet.read_checked(say, asked.architecture, imagenet.next_step(asked.frozen))
    return content, imagenet.cached_file(asked.architecture)


def _check_made(spec: Mapping[str, Any], path: Path, architecture: str) -> None:
    """Raises UserError where a network of a run is no start: a head alone, or of another architecture."""
    trained = NetworkName.parse(str(spec.get("network", USUAL)))
    if trained.frozen:
        raise UserError(
            f"{path} is a head that was trained behind a frozen body, and no start for a network; give the weights "
            "that its run had, or a run whose network trained as a whole"
        )
    if trained.architecture != architecture:
        raise UserError(
            f"{path} is a {shown_name(trained.architecture)}, but the network is {shown_name(architecture)}; give "
            f"--network {trained.architecture}, or frozen:{trained.architecture}"
        )


def _state(loaded: Any, path: Path) -> dict[str, torch.Tensor]:
    """The state_dict in what was loaded, without the marks of wrappers."""
    for key in ("state_dict", "model"):
        if isinstance(loaded, Mapping) and isinstance(loaded.get(key), Mapping):
            loaded = loaded[key]
    if not isinstance(loaded, Mapping) or not _holds_tensors(loaded):
        raise UserError(f"checkpoint {path} holds no state_dict; save it as torch.save(model.state_dict(), FILE)")
    return {name.removeprefix("module."): value for name, value in loaded.items()}


def _start(
    state: Mapping[str, torch.Tensor],
    name: str,
    path: Path,
    architecture: str,
    normalised: tuple[float | tuple[float, ...], float | tuple[float, ...]],
) -> Start:
    stem = stem_in(state) if architecture == USUAL else "imagenet"
    return Start(_fitting(state, path, architecture, stem), name, *normalised, stem)


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


def _fitting(given: Mapping[str, torch.Tensor], path: Path, architecture: str, stem: str) -> State:
    """The part of a state_dict that starts a network; says which tensors are missing or of another shape.

    Args:
        given: by torchvision's names, of an older version of it too, or by those of ``build``'s networks.
    """
    shapes = shapes_of(architecture, stem).state_dict()
    expected = {name.removeprefix(BODY): v for name, v in shapes.items() if not name.startswith("fc.")}
    head = () if architecture == USUAL else (f"{family_of(architecture).head}.",)
    state = {usual_name(name.removeprefix(BODY), architecture): value for name, value in given.items()}
    state = {name: value for name, value in state.items() if not name.startswith(("fc.", *head))}
    wrong = [
        f"{name} is {tuple(state[name].shape)}, not {tuple(like.shape)}"
        for name, like in expected.items()
        if name in state and not state[name].is_nested and state[name].shape != like.shape
    ]
    wrong += [f"{name} is missing" for name in expected if name not in state and "num_batches" not in name]
    wrong += [f"{name} is not of {shown_name(architecture)}" for name in state if name not in expected]
    if wrong:
        more = f" and {len(wrong) - 3} more" if len(wrong) > 3 else ""
        raise UserError(
            f"checkpoint {path} is of another model: {'; '.join(wrong[:3])}{more}; give one of "
            + (architecture if architecture == EFFICIENTNET_LITE else f"torchvision's {architecture}")
        )
    unusable = [f"{name} {fault}" for name, tensor in state.items() if (fault := _unusable(tensor, expected[name]))]
    if unusable:
        raise UserError(f"no network can start from checkpoint {path}: {unusable[0]}; give a sound one")
    ours = {name.removeprefix(BODY): name for name in shapes}
    return {ours[name]: state.get(name, torch.tensor(0)) for name in expected}


def usual_name(name: str, architecture: str) -> str:
    """A tensor's name as torchvision has it now: published files have older ones of some networks."""
    if architecture.startswith("densenet"):
        return re.sub(r"(denselayer\d+\.(?:norm|conv))\.([12])\.", r"\1\2.", name)
    if architecture.startswith("vit_"):
        return name.replace("mlp.linear_1.", "mlp.0.").replace("mlp.linear_2.", "mlp.3.")
    return from_published(name) if architecture == EFFICIENTNET_LITE else name


def _unusable(tensor: torch.Tensor, like: torch.Tensor) -> str:
    """Why a network can't start from a tensor of the right shape; "" where it can."""
    if tensor.is_nested or tensor.is_meta or tensor.layout != torch.strided or tensor.is_quantized:
        return "is no dense tensor with content"
    if like.is_floating_point() and not tensor.is_floating_point():  # the others: batches counted, places in tables
        return f"holds {str(tensor.dtype).removeprefix('torch.')}, not fractions"
    return "" if bool(torch.isfinite(tensor).all()) else "holds NaN or infinity"


def _holds_tensors(state: Mapping[Any, Any]) -> bool:
    return all(isinstance(name, str) and isinstance(value, torch.Tensor) for name, value in state.items())
