"""What the network sees of stored pixels."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sweep.training.inputs import to_input
from tests.sweep.training.small import SIZE, make_images


@pytest.mark.parametrize("colour", [False, True])
def test_to_input_scales_normalises_and_repeats_grey(colour: bool) -> None:
    pixels = make_images(colour=colour).pixels[:5]
    found = to_input(torch.from_numpy(pixels), mean=0.4, std=0.2)
    three = pixels if colour else np.repeat(pixels[..., None], 3, axis=3)
    wanted = ((three / 255 - 0.4) / 0.2).transpose(0, 3, 1, 2)
    assert found.shape == (5, 3, SIZE, SIZE)
    assert found.dtype == torch.float32
    np.testing.assert_allclose(found.numpy(), wanted, atol=1e-5)
