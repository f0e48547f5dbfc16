"""File properties that give the class away: a network can learn them instead of the disease."""

from __future__ import annotations

import numpy as np

from balancing.data.images import ImageSet
from balancing.metrics import auroc
from balancing.quality.findings import Finding

# How far from 0.5 a size's AUROC must be to be called a shortcut.
_SHORTCUT = 0.2
# How far above guessing the balanced accuracy of a small tree must be for the same; its folds.
_TOLD, _FOLDS = 0.1, 5


def area_or_half(positive: np.ndarray, scores: np.ndarray) -> float:
    """AUROC of scores (N,) for positive (N,) bool; 0.5 where a class is absent, for then nothing is told."""
    area = auroc(positive, scores)
    return 0.5 if np.isnan(area) else area


def shortcuts(images: ImageSet, rows: np.ndarray) -> list[Finding]:
    """File properties that tell the class without a look at the picture, on the training rows."""
    properties = {
        "width": images.widths[rows],
        "height": images.heights[rows],
        "aspect ratio": images.widths[rows] / np.maximum(images.heights[rows], 1),
        "number of channels": images.channels[rows],
    }
    labels = images.labels[rows]
    classes = range(images.n_classes) if images.n_classes > 2 else [1]
    found = []
    for name, values in properties.items():
        areas = {label: area_or_half(labels == label, values) for label in classes}
        label, area = max(areas.items(), key=lambda item: abs(item[1] - 0.5))
        if abs(area - 0.5) <= _SHORTCUT:
            found += _told_by_tree(name, values, labels, images.n_classes)
        else:
            found.append(
                Finding(
                    "shortcut",
                    "warning",
                    f"The files' {name} alone tells {images.class_names[label]} from the rest with an AUROC of "
                    f"{max(area, 1 - area):.2f}.",
                    "Resizing hides it only in part (sharpness, borders, distortion stay): crop or resample alike, and "
                    "look at the activation maps.",
                    values={"property": name, "class": images.class_names[label], "auroc": area},
                )
            )
    return found


def _told_by_tree(name: str, values: np.ndarray, labels: np.ndarray, n_classes: int) -> list[Finding]:
    """As a shortcut, where a small tree guesses the class of held-out files by a property that no one cut tells by."""
    guessed, error = guessed_by_tree(values, labels, n_classes)
    if guessed - 1 / n_classes <= max(_TOLD, 3 * error):
        return []
    return [
        Finding(
            "shortcut",
            "warning",
            f"The files' {name} alone tells the classes apart with a balanced accuracy of {guessed:.2f} on held-out "
            f"files (guessing: {1 / n_classes:.2f}).",
            "Resizing hides it only in part (sharpness, borders, distortion stay): crop or resample alike, and look at "
            "the activation maps.",
            values={"property": name, "balanced_accuracy": guessed},
        )
    ]


def guessed_by_tree(values: np.ndarray, labels: np.ndarray, n_classes: int) -> tuple[float, float]:
    """Balanced accuracy of a small tree on held-out rows, and the standard error of guessing.

    Args:
        values: (N,) of one property; too few of a class to hold any out count as guessing.
        labels: (N,) 0..C-1.
    """
    counts = np.bincount(labels, minlength=n_classes)
    if len(np.unique(values)) < 2 or counts.min() < _FOLDS:
        return 1 / n_classes, 0.0
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.tree import DecisionTreeClassifier

    tree = DecisionTreeClassifier(max_leaf_nodes=6, min_samples_leaf=5, class_weight="balanced", random_state=0)
    folds = StratifiedKFold(_FOLDS, shuffle=True, random_state=0)
    right = cross_val_predict(tree, values[:, None].astype(float), labels, cv=folds) == labels
    guessed = float(np.mean([right[labels == label].mean() for label in range(n_classes)]))
    # Beyond what guessing reaches by chance, by three standard errors, is what callers ask for.
    return guessed, float(np.sqrt((1 / (4 * counts)).sum()) / n_classes)
