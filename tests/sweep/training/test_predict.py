"""Predictions: of each image alone, without augmentation, with the logits they come from."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sweep.training import predict as predict_module
from sweep.training.hardware import on_device
from sweep.training.network import new_model
from sweep.training.predict import predict, predictions_of
from tests.sweep.training.small import CPU, SIZE, assert_same_weights, make_images, make_spec


def test_a_prediction_does_not_depend_on_its_company() -> None:
    images, spec = make_images(), make_spec()
    model = new_model(2, 0).train()
    with torch.no_grad():
        model(torch.rand(8, 3, SIZE, SIZE))  # so that the running statistics are none of the batch's
    pixels = on_device(images.pixels, CPU)
    rows = np.concatenate([images.validation, images.test])
    together = predict(model, pixels, rows, spec, CPU)
    assert not model.training
    assert together.shape == (len(rows), 2)
    np.testing.assert_allclose(together.sum(axis=1), 1, atol=1e-6)
    alone = np.concatenate([predict(model, pixels, rows[i : i + 1], spec, CPU) for i in range(len(rows))])
    np.testing.assert_allclose(alone, together, atol=1e-5)
    back = predict(model, pixels, rows[::-1].copy(), spec, CPU)
    np.testing.assert_allclose(back[::-1], together, atol=1e-5)


def test_prediction_is_cut_into_batches_without_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    images, spec, model = make_images(), make_spec(), new_model(2, 0)
    pixels = on_device(images.pixels, CPU)
    whole = predict(model, pixels, images.train, spec, CPU)
    monkeypatch.setattr(predict_module, "evaluation_batch", lambda size, device: 5)
    np.testing.assert_allclose(predict(model, pixels, images.train, spec, CPU), whole, atol=1e-5)


def test_prediction_neither_augments_nor_changes_the_network() -> None:
    images, model = make_images(), new_model(2, 0)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    pixels = on_device(images.pixels, CPU)
    plain = predict(model, pixels, images.validation, make_spec(), CPU)
    strong = predict(model, pixels, images.validation, make_spec(strength=1.0), CPU)
    np.testing.assert_array_equal(plain, strong)
    assert_same_weights(dict(model.state_dict()), before)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_logits_are_kept_beside_the_probabilities_that_they_give(precision: str) -> None:
    images, spec, model = make_images(), make_spec(precision=precision), new_model(2, 0)
    pixels = on_device(images.pixels, CPU)
    found = predictions_of(model, pixels, images, "validation", spec, CPU)
    assert found.logits is not None
    assert found.logits.dtype == found.probabilities.dtype == np.float32
    np.testing.assert_array_equal(torch.from_numpy(found.logits).softmax(dim=1), found.probabilities)
    np.testing.assert_array_equal(found.probabilities, predict(model, pixels, images.validation, spec, CPU))
    np.testing.assert_array_equal(found.rows, images.validation)
    np.testing.assert_array_equal(found.labels, images.labels[images.validation])
