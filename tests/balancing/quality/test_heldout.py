"""What a property tells of held-out patients: noise tells nothing, a word that means the class tells all."""

from __future__ import annotations

import numpy as np
from sklearn.metrics import roc_auc_score

from balancing.quality.heldout import folds_by_group, held_out_scores, in_groups


def test_folds_keep_patients_whole_and_share_classes_out() -> None:
    rng = np.random.default_rng(0)
    patients = rng.integers(0, 60, 300)
    labels = (patients < 10).astype(np.int64)
    folds = folds_by_group(labels, patients, rng)
    assert len({(one, fold) for one, fold in zip(patients.tolist(), folds.tolist(), strict=True)}) == len(set(patients))
    ill = [len(set(patients[(folds == fold) & (labels == 1)].tolist())) for fold in range(5)]
    assert max(ill) - min(ill) <= 1


def test_noise_tells_nothing_either_way() -> None:
    """Without the usual share taken off, few rows of a class would seem to tell it the wrong way round."""
    areas = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        labels = (np.arange(66) < 6).astype(np.int64)
        folds = folds_by_group(labels, np.arange(66), rng)
        scores = held_out_scores(rng.integers(0, 3, 66), labels, 2, folds)
        areas.append(roc_auc_score(labels, scores[:, 1]))
    assert abs(np.mean(areas) - 0.5) < 0.06
    constant = held_out_scores(np.zeros(66, dtype=np.int64), labels, 2, folds)
    assert np.abs(constant).max() < 1e-12


def test_a_word_that_means_the_class_tells_all() -> None:
    rng = np.random.default_rng(1)
    labels = np.arange(40) % 3
    scores = held_out_scores(np.array([2, 0, 1])[labels], labels, 3, folds_by_group(labels, np.arange(40), rng))
    for label in range(3):
        assert roc_auc_score(labels == label, scores[:, label]) == 1


def test_many_numbers_become_groups_of_like_size() -> None:
    codes = in_groups(np.random.default_rng(2).normal(size=1000))
    assert np.bincount(codes).tolist() == [100] * 10
    assert in_groups(np.array([7.0, 3.0, 7.0])).tolist() == [1, 0, 1]
    spiked = in_groups(np.concatenate([np.full(900, 5.0), np.arange(100)]))
    assert len(set(spiked[:900].tolist())) == 1
