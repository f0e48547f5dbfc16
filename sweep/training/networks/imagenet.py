"""torchvision's ImageNet weights of ResNet18, from its cache or its site; checked each time, before they are read.

torchvision itself compares 8 digits of the hash, at the download alone, and then unpickles what the cache holds.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

from balancing.errors import UserError

URL = "https://download.pytorch.org/models/resnet18-f37072fd.pth"
# Of the whole file (46,830,571 bytes); its first digits stand in its name.
SHA256 = "f37072fd47e89c5e827621c5baffa7500819f7896bbacec160b1a16c560e07ec"
_NEXT = (
    "download that file on a machine with a network and give it by --weights FILE, or start without by --weights none"
)


def cached_file() -> Path:
    """Where torch keeps the file: under ``$TORCH_HOME``, by default ``~/.cache/torch``."""
    import torch

    return Path(torch.hub.get_dir()) / "checkpoints" / URL.rpartition("/")[2]


def read_checked(say: Callable[[str], None] = lambda note: None) -> bytes:
    """The file's bytes, of which every one is torchvision's; what the cache holds in its place is fetched anew.

    Args:
        say: told where a cached file was thrown away, and why.
    Raises:
        UserError: it is not in the cache and can't be downloaded, or what comes is another file.
    """
    path = cached_file()
    content, wrong = _read(path)
    if content is not None:
        return content
    try:
        if wrong:
            path.unlink()
        _download(path)
        content, still = _read(path)
        if content is None:
            path.unlink(missing_ok=True)
            raise RuntimeError(f"what came is not that file: {still}")
    except (OSError, RuntimeError) as error:
        because = f"the cached {path} {wrong}, and " if wrong else ""
        raise UserError(
            f"{because}the ImageNet weights could not be downloaded from {URL} to {path} ({error}); {_NEXT}"
        ) from error
    if wrong:
        say(f"The ImageNet weights in the cache, {path}, were not torchvision's ({wrong}): thrown away, fetched anew.")
    return content


def _read(path: Path) -> tuple[bytes | None, str]:
    """(the content where it is the right one, else what is wrong with it; nothing where there is no file)."""
    if not os.path.lexists(path):
        return None, ""
    if not path.is_file():
        return None, "is no file"
    content = path.read_bytes() if path.stat().st_size < 2 * 46_830_571 else b""
    digest = hashlib.sha256(content).hexdigest()
    if digest == SHA256:
        return content, ""
    size = path.stat().st_size
    return None, f"has {size} bytes and the sha256 {digest[:16]}..., not {SHA256[:16]}..." if size else "is empty"


def _download(path: Path) -> None:
    import torch

    path.parent.mkdir(parents=True, exist_ok=True)
    torch.hub.download_url_to_file(URL, str(path), hash_prefix=SHA256, progress=False)
