"""What a frozen body makes of images, of mixtures of pixels and of augmented views."""

from __future__ import annotations

import contextlib
from dataclasses import replace

import numpy as np
import pytest
import torch

from balancing.components.augmentations.rotate_flip import augment
from balancing.errors import UserError
from sweep.training.frozen import extract
from sweep.training.frozen.extract import Eye, Looks, Views, all_cores
from tests.sweep.training.frozen.bodies import all_rows, body, eye, frozen_spec, plan_of, vectors_of
from tests.sweep.training.small import CPU, make_images

# Batches of other sizes sum in another order.
CLOSE = {"rtol": 1e-4, "atol": 1e-5}
COUNTS = (14, 8)


@pytest.mark.parametrize("colour", [False, True])
def test_each_image_is_looked_at_once_as_it_is(colour: bool) -> None:
    pixels = make_images(colour=colour).pixels
    found = all_rows(eye(pixels), Looks.at_all(len(pixels)))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, vectors_of(pixels), **CLOSE)


def test_a_mixture_is_the_mixture_of_its_pixels_clipped_to_their_scale() -> None:
    pixels = make_images().pixels
    plan = plan_of((0, 1, 0.25), (2, 2, 0.0), (3, 4, -0.75), (5, 6, 1.0))
    realised = plan.realise(pixels).astype(np.float32)
    beyond = pixels[3] + -0.75 * (pixels[4].astype(np.float64) - pixels[3])
    assert (beyond < 0).any()
    assert (beyond > 255).any()
    np.testing.assert_allclose(all_rows(eye(pixels), Looks(plan)), vectors_of(realised), **CLOSE)


def test_views_without_an_effect_are_the_image_itself() -> None:
    pixels = make_images().pixels
    plan = plan_of(*((row, row, 0.0) for row in range(5)))
    looks = Looks(plan, Views(3, "rotate_flip", 0.0, (), COUNTS))
    assert len(looks) == 15
    found = all_rows(eye(pixels), looks).reshape(3, 5, -1)
    np.testing.assert_allclose(found, np.stack([vectors_of(pixels[:5])] * 3), **CLOSE)


def test_a_view_is_what_the_body_makes_of_the_augmented_image() -> None:
    pixels = make_images(seed=1).pixels
    plan = plan_of(*((row, row, 0.0) for row in range(4)), (4, 5, 0.5))
    views = Views(2, "rotate_flip", 1.0, (), COUNTS)
    found = all_rows(eye(pixels, frozen_spec("augmentation", strength=1.0)), Looks(plan, views)).reshape(2, 5, -1)
    for view in range(2):
        images = torch.from_numpy(plan.realise(pixels)).float()[:, None]
        seen = augment(images, 1.0, views.generator(view, 0))[:, 0].numpy()
        np.testing.assert_allclose(found[view], vectors_of(seen), **CLOSE)
    assert np.abs(found[0] - found[1]).max(axis=1).min() > 0.01


def test_views_follow_from_the_augmentation_and_not_from_the_seed() -> None:
    def of(technique: str = "augmentation", **options: float) -> Views | None:
        return Views.of(frozen_spec(technique, **{"views": 2, **options}), COUNTS)

    assert of(strength=1.0, seed=1, lr=0.1) == of(strength=1.0, seed=2, lr=0.2)
    assert of("undersampling", strength=1.0) == of(strength=1.0)  # rotation and flip, too
    different = [of(strength=0.5), of(strength=1.0), of("trivial_augment", strength=1.0), of(strength=1.0, views=3)]
    draws = [views.generator(view, block).initial_seed() for views in different[:3] if views for view, block in _PLACES]
    assert len(set(draws)) == len(draws) == 12
    assert of("undersampling", strength=0.0) is None
    assert Views.of(frozen_spec("augmentation", strength=1.0), COUNTS) is None


_PLACES = ((0, 0), (0, 1), (1, 0), (1, 1))


def test_blocks_may_be_looked_at_anywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extract, "BLOCK", 4)
    pixels = make_images().pixels
    looks = Looks(plan_of(*((row, row + 1, 0.3) for row in range(10))), Views(2, "rotate_flip", 1.0, (), COUNTS))
    spec = frozen_spec("augmentation", strength=1.0)
    whole, blocks = all_rows(eye(pixels, spec), looks), looks.blocks
    assert len(blocks) == 6
    apart = [np.concatenate(list(eye(pixels, spec).vectors(looks, blocks[at : at + 2]))) for at in (4, 0, 2)]
    assert np.array_equal(np.concatenate([apart[1], apart[2], apart[0]]), whole)


def test_vectors_that_are_no_numbers_are_refused() -> None:
    broken = body()
    with torch.no_grad():
        broken.conv1.weight.fill_(float("inf"))  # type: ignore[union-attr, operator]
    pixels = make_images().pixels
    with pytest.raises(UserError, match="frozen resnet18 makes of some images in float32 is no number; give other"):
        all_rows(Eye(broken, torch.from_numpy(pixels), frozen_spec(), CPU), Looks.at_all(2))


def test_the_threads_are_put_back_also_where_it_ends_early() -> None:
    before = torch.get_num_threads()
    with contextlib.suppress(KeyboardInterrupt), all_cores():
        torch.set_num_threads(before + 1)
        raise KeyboardInterrupt
    assert torch.get_num_threads() == before


def test_bfloat16_is_near_float32() -> None:
    pixels = make_images(seed=2).pixels
    whole = all_rows(eye(pixels), Looks.at_all(8))
    half = all_rows(eye(pixels, replace(frozen_spec(), precision="bfloat16")), Looks.at_all(8))
    assert half.dtype == np.float32
    assert not np.array_equal(whole, half)
    cosine = (whole * half).sum(axis=1) / np.linalg.norm(whole, axis=1) / np.linalg.norm(half, axis=1)
    assert cosine.min() > 0.999
