"""The threshold as a decision: the best balanced accuracy of all thresholds; weights for more classes."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import TunedThresholdClassifierCV

from balancing.components.decisions.class_biases import fit_biases
from balancing.components.decisions.threshold import threshold, threshold_balanced_accuracy


def validation(n_classes: int, seed: int, size: int = 40) -> tuple[np.ndarray, np.ndarray]:
    """(V, C) logits that carry a skewed prior, and (V,) labels of unequal numbers, each class at least twice."""
    rng = np.random.default_rng(seed)
    share = 0.5 ** np.arange(n_classes)
    rest = rng.choice(n_classes, size=size - 2 * n_classes, p=share / share.sum())
    labels = np.concatenate([np.tile(np.arange(n_classes), 2), rest])
    return rng.normal(size=(size, n_classes)) + 1.5 * np.eye(n_classes)[labels] + 2 * np.log(share), labels


class Given(ClassifierMixin, BaseEstimator):
    """Gives what it is given as probabilities, as a classifier of scikit-learn's."""

    def fit(self, X: np.ndarray, y: np.ndarray) -> Given:
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        return X


@pytest.mark.parametrize("seed", range(8))
def test_two_classes_reach_what_scikit_learns_search_over_all_thresholds_reaches(seed: int) -> None:
    logits, labels = validation(2, seed)
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    every = np.sort(probabilities[:, 1])
    tuned = TunedThresholdClassifierCV(
        Given().fit(probabilities, labels),
        scoring="balanced_accuracy",
        thresholds=np.concatenate([[0], (every[1:] + every[:-1]) / 2, [1]]),
        cv="prefit",
        refit=False,
    ).fit(probabilities, labels)
    decided = threshold()(logits, labels, None)(logits).argmax(axis=1)
    assert balanced_accuracy_score(labels, decided) == pytest.approx(tuned.best_score_, abs=1e-12)


def test_the_shift_of_log_odds_decides_as_the_threshold_does() -> None:
    logits, labels = validation(2, 3)
    probability = 1 / (1 + np.exp(logits[:, 0] - logits[:, 1]))
    decided = threshold()(logits, labels, None)(logits).argmax(axis=1)
    np.testing.assert_array_equal(decided, probability >= threshold_balanced_accuracy(labels == 1, probability))


@pytest.mark.parametrize("seed", range(6))
def test_three_classes_reach_what_a_search_over_a_fine_grid_reaches(seed: int) -> None:
    logits, labels = validation(3, seed)
    biases = fit_biases(logits, labels)
    reached = balanced_accuracy_score(labels, (logits + biases).argmax(axis=1))
    grid = np.arange(-8, 8, 0.2)
    right = np.zeros((len(grid), len(grid)))
    for (i, a), (j, b) in itertools.product(enumerate(grid), enumerate(grid)):
        hit = (logits + np.array([0, a, b])).argmax(axis=1) == labels
        right[i, j] = (np.bincount(labels, hit) / np.bincount(labels)).mean()
    # An ascent of single coordinates ends on a hill that need not be the highest.
    assert reached >= right.max() - 0.02


@pytest.mark.parametrize("n_classes", [3, 5])
@pytest.mark.parametrize("seed", range(4))
def test_no_single_bias_gains_anything_more_and_nothing_is_lost(n_classes: int, seed: int) -> None:
    logits, labels = validation(n_classes, seed, size=60)
    biases = fit_biases(logits, labels)

    def value(given: np.ndarray) -> float:
        hit = (logits + given).argmax(axis=1) == labels
        return float((np.bincount(labels, hit) / np.bincount(labels)).mean())

    assert value(biases) > value(np.zeros(n_classes))
    assert biases.mean() == pytest.approx(0, abs=1e-12)
    for label, step in itertools.product(range(n_classes), np.linspace(-6, 6, 241)):
        assert value(biases + step * np.eye(n_classes)[label]) <= value(biases) + 1e-12


def test_two_classes_by_weights_are_the_threshold() -> None:
    for seed in range(5):
        logits, labels = validation(2, seed)
        by_threshold = threshold()(logits, labels, None)(logits).argmax(axis=1)
        by_weights = (logits + fit_biases(logits, labels)).argmax(axis=1)
        wanted = balanced_accuracy_score(labels, by_threshold)
        assert balanced_accuracy_score(labels, by_weights) == pytest.approx(wanted)


def test_a_prior_in_the_answers_is_made_up_for() -> None:
    """On answers that are right but for a shift, the fitted weights take the shift back."""
    labels = np.repeat([0, 1, 2], 30)
    logits = 4.0 * np.eye(3)[labels] + np.random.default_rng(0).uniform(-0.5, 0.5, size=(90, 3)) + [6, 0, -3]
    decided = threshold()(logits, labels, None)(logits).argmax(axis=1)
    np.testing.assert_array_equal(decided, labels)


def test_a_class_that_validation_lacks_keeps_its_bias_and_one_class_alone_changes_nothing() -> None:
    logits, labels = validation(3, 1)
    rows = labels < 2
    assert fit_biases(logits[rows], labels[rows])[2] == 0
    np.testing.assert_array_equal(fit_biases(logits, np.zeros(len(logits), dtype=np.int64)), np.zeros(3))
    two = logits[:, :2]
    scores = threshold()(two, np.zeros(len(two), dtype=np.int64), None)(two)
    np.testing.assert_allclose(scores, two)
