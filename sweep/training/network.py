"""ResNet18 with a new head; its start from ImageNet weights, a local checkpoint, or nothing."""

from __future__ import annotations

import copy
import hashlib
import io
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import nn
from torchvision.models.resnet import BasicBlock, ResNet

from balancing.components.axes import Head
from balancing.errors import UserError
from sweep.runs.files import Guard, is_stored, is_whole_zip, no_guard, write_torch
from sweep.runs.spec import TrialSpec
from sweep.training import imagenet
from sweep.training.distances import Distances
from sweep.training.hardware import memory_format
from sweep.training.heads import Cosines, Scaled

State = Mapping[str, torch.Tensor]
# What of a network trains: all of it, its head alone, with the body as it is, or of the head a factor for each class.
Trained = Literal["all", "head", "scales"]

_HEAD = 2  # tells the draws of a new head from others of the same seed
_ZIP = b"PK\x03\x04"  # by which torch.load tells its zip files from its older format


_USUAL: dict[str, Any] = {"head": "linear", "stem": "imagenet", "scale": 1.0}


def field_of(stem: str) -> int:
    """Pixels a side of one field of the last block of a network that begins so."""
    return {"imagenet": 32, "small": 8}[stem]


class ResNet18(ResNet):
    """torchvision's ResNet18 in two parts, the body (``features``) and the head; its tensors keep torchvision's names.

    Args:
        n_classes: C, the units of the head.
        head: ``linear``; ``cosine``: unit weights and features and no bias, so its outputs lie in -1..1; or
            ``distance``: see ``Distances``; then batch norm keeps weight 1 and bias 0.
        stem: ``imagenet``, as pretrained weights have it; or ``small``: a first convolution of 3 x 3 and stride 1, and
            no pooling, so that a field of the last block is 8 pixels a side in place of 32.
    Attributes:
        last_block: name of the last block of the body, whose fields are the finest places that it can tell apart.
        field: pixels a side of one field of the last block.
        scale: what the head's outputs are multiplied by in evaluation mode: in training its loss does so.
    Reference: He et al., CVPR 2016, whose networks for images of 32 pixels begin as the small stem does.
    """

    last_block = "layer4"
    fc: nn.Linear

    def __init__(self, n_classes: int, head: Head = "linear", stem: str = "imagenet"):
        super().__init__(BasicBlock, [2, 2, 2, 2], num_classes=n_classes)
        self.field, self._stem = field_of(stem), stem
        if stem == "small":
            self.conv1 = nn.Conv2d(3, 64, 3, padding=1, bias=False)
            nn.init.kaiming_normal_(self.conv1.weight, mode="fan_out", nonlinearity="relu")
            self.maxpool = nn.Identity()
        self.scale = 1.0
        self._head = head
        if head == "cosine":
            self.fc = Cosines(512 * BasicBlock.expansion, n_classes)
        elif head == "scaled":
            self.fc = Scaled(self.fc)
        elif head == "distance":
            self.fc = Distances(512 * BasicBlock.expansion)
            self.unshift()

    @property
    def made(self) -> dict[str, Any]:
        """What tells this network from the usual one, beside its weights; kept with them."""
        # Of a scaled head the products are kept, which are a linear one.
        head = "linear" if self._head == "scaled" else self._head
        made = {"head": head, "stem": self._stem, "scale": self.scale}
        return {name: value for name, value in made.items() if value != _USUAL[name]}

    def kept_state(self) -> dict[str, torch.Tensor]:
        """The tensors of the trained network, under torchvision's names: of a scaled head its products."""
        state: dict[str, torch.Tensor] = self.state_dict()
        if isinstance(self.fc, Scaled):
            del state["fc.scales"]
            state["fc.weight"], state["fc.bias"] = self.fc.products()
        return state

    def head_numbers(self) -> np.ndarray | None:
        """(2, C) float64: the norms of the classes' weights, and their biases as logits have them; None of others."""
        if isinstance(self.fc, Cosines | Distances):
            return None
        weight, bias = self.fc.products() if isinstance(self.fc, Scaled) else (self.fc.weight, self.fc.bias)
        norms = weight.detach().double().cpu().norm(dim=1)
        return torch.stack([norms, self.scale * bias.detach().double().cpu()]).numpy()

    def features(self, images: torch.Tensor) -> torch.Tensor:
        """(B, 3, H, W) float, normalised -> (B, F) float: what the head decides by; F is 512."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(images))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return torch.flatten(self.avgpool(x), 1)

    def head(self, features: torch.Tensor) -> torch.Tensor:
        """(B, F) features -> (B, C) logits."""
        logits: torch.Tensor = self.fc(features)
        return logits if self.training or self.scale == 1 else self.scale * logits

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(B, 3, H, W) -> (B, C) logits."""
        return self.head(self.features(images))

    def train_parts(self, trained: Trained, *, statistics: bool = False, scales: bool = False) -> None:
        """Makes ready for training what is to train; the rest keeps its weights and its batch-norm statistics.

        Args:
            statistics: batch-norm statistics move throughout.
            scales: the factors of the classes train beside what else does.
        """
        self.train()
        for name, module in self.named_children():
            trains = trained == "all" or (name == "fc" and trained == "head")
            module.train(trains or statistics or name == "fc").requires_grad_(trains)
        if isinstance(self.fc, Scaled):
            self.fc.scales.requires_grad_(scales or trained == "scales")
        if self._head == "distance":
            self.unshift()

    def unshift(self) -> None:
        """Batch norm without weights of its own: by biases a network could send every image to one point."""
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d):
                nn.init.ones_(module.weight.requires_grad_(False))
                nn.init.zeros_(module.bias.requires_grad_(False))

    def renew_head(self, seed: int, stage: int) -> None:
        """A head as before any training, in place; of equal arguments an equal one, on every device.

        Args:
            seed, stage: of the random weights.
        """
        self.fc.load_state_dict(new_head(self.fc, seed, stage).state_dict())


def new_head(head: nn.Linear, seed: int, stage: int, member: int = 0) -> nn.Linear:
    """A head like another, as before any training; of equal numbers an equal one, on every device.

    Args:
        head: stays as it is.
        seed, stage: of the random weights.
        member: which of an ensemble, from 1; 0 where there is one head alone.
    Returns:
        On the device of ``head``.
    """
    words = [seed, stage, _HEAD, *([member] if member else [])]
    drawn = int(np.random.SeedSequence(words).generate_state(1, dtype=np.uint64)[0])
    fresh = copy.deepcopy(head).cpu()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(drawn & (2**63 - 1))
        fresh.reset_parameters()
    return fresh.to(head.weight.device)


def new_model(
    n_classes: int, seed: int, start: State | None = None, *, head: Head = "linear", stem: str = "imagenet"
) -> ResNet18:
    """ResNet18 for C classes, float32, on the CPU, equal for equal arguments.

    Args:
        n_classes: C, the units of the new head.
        seed: of the random weights (the head alone where ``start`` is given).
        start: weights without a head, as ``load_weights`` gives them; None starts from nothing.
        head, stem: as of ``ResNet18``.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = ResNet18(n_classes, head, stem)
    if start is not None:
        missing, unexpected = model.load_state_dict(dict(start), strict=False)
        if any(not name.startswith("fc.") for name in missing) or unexpected:
            raise ValueError(f"starting weights don't fit: missing {missing}, unexpected {unexpected}")
        if head == "distance":
            model.unshift()
    return model


def to_device(network: ResNet18, spec: TrialSpec, device: torch.device) -> ResNet18:
    """The network on a device, its weights in the layout that the trial's images have there."""
    layout = memory_format(spec.image_size, spec.precision, device)
    moved: ResNet18 = network.to(device, memory_format=layout)
    return moved


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


def save_best(path: Path, model: nn.Module, guard: Guard = no_guard, **about: Any) -> None:
    """Writes a trained network and facts about it (tensors, str, int, float, lists, dicts), atomically."""
    kept = model.kept_state() if isinstance(model, ResNet18) else model.state_dict()
    state = {name: value.detach().cpu() for name, value in kept.items()}
    write_torch(path, {"model": state, **getattr(model, "made", {}), **about}, guard)


def saved_facts(path: Path) -> dict[str, Any] | None:
    """What was saved with a trained network, whose weights stay on the disk; None for none, and for a damaged file."""
    if not is_whole_zip(path):
        return None
    try:
        saved = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        return {name: value for name, value in saved.items() if name != "model"}
    except Exception:  # a damaged file can raise almost anything
        return None


def restore(path: Path) -> tuple[ResNet18, dict[str, Any]]:
    """A trained network in evaluation mode, float32, on the CPU, and the facts saved with it.

    Returns:
        (model, facts); facts holds ``epoch``, ``class_names``, ``positive`` and ``spec`` (a dict of TrialSpec).
    Raises:
        UserError: there is no such checkpoint, or it is damaged.
    """
    if not path.is_file():
        raise UserError(f"there is no checkpoint {path}; only chosen trials keep theirs")
    try:
        if not is_whole_zip(path):
            raise ValueError("what it holds is not what its checksums say")
        saved = torch.load(path, map_location="cpu", weights_only=True)
        made = {name: saved.get(name, usual) for name, usual in _USUAL.items()}
        model = ResNet18(len(saved["class_names"]), made["head"], made["stem"])
        model.scale = float(made["scale"])
        model.load_state_dict(saved.pop("model"))
    except Exception as error:  # a damaged file can raise almost anything
        raise UserError(f"checkpoint {path} is damaged; `sweep resume` of its run trains that trial again") from error
    return model.eval(), saved
