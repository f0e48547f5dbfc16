"""Are two kinds of images told apart? The classifier two-sample test (C2ST)."""

from __future__ import annotations

import numpy as np

FOLDS = 5


def classifier_two_sample_test(
    real: np.ndarray, synthetic: np.ndarray, groups: np.ndarray, other_parent: np.ndarray
) -> np.ndarray:
    """Whether a logistic regression takes each image for what it is, cross-validated.

    Images of a group (a patient, or an image and what was made of it) are held out together. A mixture has two
    parents, so what shares a group with any parent of a held-out image is left out of that fold's training too.

    Args:
        real: (R, F) features.
        synthetic: (S, F) features.
        groups: (R + S,) of each image, the base's for a mixture.
        other_parent: (R + S,) the mate's group; an image's own where it is real.
    Returns:
        (R + S,) float64: 1 right, 0 wrong, NaN where it could not be tried (fewer than two groups or images of a kind).
    Reference: Lopez-Paz & Oquab, Revisiting classifier two-sample tests, ICLR 2017.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GroupKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    x = np.concatenate([real, synthetic])
    is_synthetic = np.repeat([False, True], [len(real), len(synthetic)])
    right = np.full(len(x), np.nan)
    folds = min(FOLDS, len(np.unique(groups)))
    if folds < 2:
        return right
    for train, held_out in GroupKFold(folds).split(x, groups=groups):
        hidden = np.concatenate([groups[held_out], other_parent[held_out]])
        train = train[~np.isin(groups[train], hidden) & ~np.isin(other_parent[train], hidden)]
        if min(is_synthetic[train].sum(), (~is_synthetic[train]).sum()) < 2:
            continue
        # Few images, many features: a strong penalty; balanced, since leaving out takes more of the mixtures.
        model = make_pipeline(StandardScaler(), LogisticRegression(C=0.05, class_weight="balanced", max_iter=1000))
        model.fit(x[train], is_synthetic[train])
        right[held_out] = model.predict(x[held_out]) == is_synthetic[held_out]
    return right
