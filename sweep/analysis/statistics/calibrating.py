"""Bias-corrected temperature scaling fitted anew under many weightings of the same images, by Newton's method."""

from __future__ import annotations

import numpy as np

from balancing.components.decisions.scaling import Scaling, centred, log_probabilities, tells_apart

# Beginning where the unweighted fit ends, so few steps are left to go.
_STEPS = 12
_CLOSE = 1e-8
# A fit whose slopes, per image, are steeper than this is none.
_STEEP = 1e-6
# As far as scales go; of ``balancing.components.decisions.scaling``.
_SCALES = (np.exp(-4.0), np.exp(4.0))
# Numbers held at once.
_AT_ONCE = 2_000_000


def weighted_biases(logits: np.ndarray, labels: np.ndarray, weights: np.ndarray, start: Scaling) -> np.ndarray:
    """The bias of each class that calibration finds under each weighting.

    softmax(a f + b), of one scale a and a bias for each class, with the least weighted negative log-likelihood.

    Args:
        logits: (V, C) float.
        labels: (V,) int64, each class at least once.
        weights: (B, V) float >= 0.
        start: the fit in which each image counts once, of ``fit_scaling`` with ``by_class=False``.
    Returns:
        (B, C) float64 that sum to 0; NaN where a weighting leaves a class out, or no fit is found: where it tells the
        classes apart without a fault there is none.
    """
    n_classes = logits.shape[1]
    given = centred(logits)
    spread = float(given.std()) or 1.0  # so that scale and bias are equally steep
    given = given / spread
    truth = np.eye(n_classes)[labels]
    ahead = np.concatenate([[start.scale[0] * spread], start.bias])
    at_once = max(1, _AT_ONCE // max(1, given.size))
    parts = [weights[first : first + at_once] for first in range(0, len(weights), at_once)]
    fitted = _fitted_two if n_classes == 2 else _fitted
    found = np.concatenate([fitted(given, truth, part.astype(np.float64), ahead, spread) for part in parts])
    apart = np.concatenate([tells_apart(logits, labels, part) for part in parts])
    return np.where(apart[:, None], np.nan, found)


def _fitted(given: np.ndarray, truth: np.ndarray, weights: np.ndarray, ahead: np.ndarray, spread: float) -> np.ndarray:
    total = weights.sum(axis=1, keepdims=True)
    shares = np.divide(weights, total, out=np.zeros_like(weights), where=total > 0)
    found = np.tile(ahead, (len(weights), 1))
    low, high = spread * np.array(_SCALES)
    gradient = np.zeros_like(found)
    for step in range(_STEPS):
        gradient, curvature = _slopes(given, truth, shares, found)
        if step == _STEPS - 1 or np.abs(gradient).max(initial=0) < _CLOSE:
            break
        # Equal biases change nothing, so they are held at a sum of 0; and no direction is wholly flat.
        curvature[:, 1:, 1:] += 1 / truth.shape[1]
        curvature += 1e-10 * np.eye(curvature.shape[1])
        move = np.linalg.solve(curvature, gradient[:, :, None])[:, :, 0]
        longest = np.abs(move).max(axis=1, keepdims=True)
        found = found - move * np.minimum(1, 5 / np.maximum(longest, 1e-300))
        found[:, 0] = found[:, 0].clip(low, high)
    biases = found[:, 1:] - found[:, 1:].mean(axis=1, keepdims=True)
    lost = (np.abs(gradient[:, 1:]).max(axis=1) > _STEEP) | ((shares @ truth) <= 0).any(axis=1)
    return np.where(lost[:, None] | ~np.isfinite(biases), np.nan, biases)


def _fitted_two(
    given: np.ndarray, truth: np.ndarray, weights: np.ndarray, ahead: np.ndarray, spread: float
) -> np.ndarray:
    """As ``_fitted`` of two classes, of which the difference of logits says all: a tenth of the work."""
    from scipy.special import expit

    total = weights.sum(axis=1, keepdims=True)
    shares = np.divide(weights, total, out=np.zeros_like(weights), where=total > 0)
    apart, is_second = given[:, 1] - given[:, 0], truth[:, 1]
    scale, bias = np.full(len(weights), ahead[0]), np.full(len(weights), ahead[2] - ahead[1])
    low, high = spread * np.array(_SCALES)
    for step in range(_STEPS):
        probable = expit(scale[:, None] * apart + bias[:, None])
        excess = shares * (probable - is_second)
        by_scale, by_bias = excess @ apart, excess.sum(axis=1)
        if step == _STEPS - 1 or max(np.abs(by_scale).max(initial=0), np.abs(by_bias).max(initial=0)) < _CLOSE:
            break
        weighted = shares * probable * (1 - probable)
        # No direction is wholly flat.
        both, first, second = weighted @ apart, weighted @ apart**2 + 1e-10, weighted.sum(axis=1) + 1e-10
        det = first * second - both**2
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            moves = np.stack([second * by_scale - both * by_bias, first * by_bias - both * by_scale]) / det
        longest = np.maximum(np.abs(moves[0]), np.abs(moves[1]) / 2)
        moves = moves * np.minimum(1, 5 / np.maximum(longest, 1e-300))
        scale, bias = (scale - moves[0]).clip(low, high), bias - moves[1]
    lost = (np.abs(by_bias) > _STEEP) | ((shares @ truth) <= 0).any(axis=1) | ~np.isfinite(bias)
    biases = np.where(lost, np.nan, bias / 2)
    return np.stack([-biases, biases], axis=1)


def _slopes(
    given: np.ndarray, truth: np.ndarray, shares: np.ndarray, found: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """(B, 1 + C) first and (B, 1 + C, 1 + C) second derivatives by the scale and the biases."""
    scaled = found[:, 0, None, None] * given + found[:, None, 1:]
    probable = np.exp(log_probabilities(scaled.reshape(-1, given.shape[1]))).reshape(scaled.shape)
    mean = (probable * given).sum(axis=2)
    excess = shares[:, :, None] * (probable - truth)
    gradient = np.concatenate([(excess * given).sum(axis=(1, 2))[:, None], excess.sum(axis=1)], axis=1)
    weighted = shares[:, :, None] * probable
    curvature = np.empty((*gradient.shape, gradient.shape[1]))
    curvature[:, 0, 0] = (weighted * given**2).sum(axis=(1, 2)) - (shares * mean**2).sum(axis=1)
    curvature[:, 0, 1:] = curvature[:, 1:, 0] = (weighted * (given - mean[:, :, None])).sum(axis=1)
    curvature[:, 1:, 1:] = -np.matmul(weighted.transpose(0, 2, 1), probable)
    places = np.arange(given.shape[1]) + 1
    curvature[:, places, places] += weighted.sum(axis=1)
    return gradient, curvature
