"""Distances to the training images, against a distance computed by hand."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from sklearn.covariance import ledoit_wolf
from torch import nn

from sweep.inference.deployed import Deployed
from sweep.inference.unusual import Gaussians, Reference, _keep


def test_the_distance_is_scipys_mahalanobis_to_the_nearest_mean() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 200)
    features = rng.normal(labels[:, None], [1, 5, 0.2, 1], (200, 4))
    features[:, 3] += features[:, 1]
    means = np.stack([features[labels == label].mean(axis=0) for label in range(3)])
    covariance = ledoit_wolf(features - means[labels], assume_centered=True)[0]
    new = rng.normal(0, 4, (50, 4))
    expected = cdist(new, means, "mahalanobis", VI=np.linalg.inv(covariance)).min(axis=1)
    assert Gaussians.of(features, labels).distances(new) == pytest.approx(expected, rel=1e-4)


def test_fewer_images_than_features_and_constant_ones_have_distances() -> None:
    rng = np.random.default_rng(1)
    features = np.concatenate([rng.normal(0, 1, (30, 60)), np.ones((30, 4))], axis=1)
    found = Gaussians.of(features, np.zeros(30, dtype=np.int64))
    far = features[:5] + np.eye(64)[62] * 9  # in what never varied
    assert (found.distances(far) > found.distances(features).max()).all()


def test_a_quantile_is_the_share_of_held_out_images_that_lie_nearer() -> None:
    reference = Reference(Gaussians(np.zeros((1, 2), np.float32), np.eye(2, dtype=np.float32)), np.arange(1.0, 5.0))
    assert reference.quantiles(np.array([0.5, 1.0, 2.5, 9.0])).tolist() == [0, 0, 0.5, 1]
    assert reference.distances(np.array([[3.0, 4.0]])).tolist() == [5]


def test_what_is_kept_is_written_through_no_link(tmp_path: Path) -> None:
    made = Reference(Gaussians(np.zeros((1, 2), np.float32), np.eye(2, dtype=np.float32)), np.arange(20.0))
    (tmp_path / "elsewhere").mkdir()
    for name in ("own", "linked"):
        (tmp_path / name).mkdir()
    (tmp_path / "linked" / "unusual").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    for name in ("own", "linked"):
        _keep(
            cast(
                Deployed,
                SimpleNamespace(run=tmp_path / name, trial_ids=("0123456789ab",), networks=(nn.Linear(2, 2),)),
            ),
            made,
        )
    assert [path.name for path in (tmp_path / "own" / "unusual").iterdir()] == ["0123456789ab.npz"]
    assert not list((tmp_path / "elsewhere").iterdir())
