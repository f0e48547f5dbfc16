"""Instance hardness threshold: under-sampling by how sure a cross-validated classifier is.

Folds, draws, which images stay, and their order are those of imbalanced-learn's InstanceHardnessThreshold with the
estimator below.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from balancing.components.axes import TrainingData
from balancing.components.decorators import sampler
from balancing.components.plans import TrainingPlan
from balancing.components.ranges import IntRange
from balancing.components.samplers.targets import SAMPLING_STRATEGY, most_rows
from balancing.errors import UserError


def _check(counts: Mapping[str, int], *, cv: int, sampling_strategy: float) -> None:
    name = min(counts, key=counts.__getitem__)
    if counts[name] < cv:
        raise UserError(
            f"class {name} has {counts[name]} training image{'s' * (counts[name] > 1)}, but instance_hardness with "
            f"cv={cv} needs at least {cv}, one for each fold; choose undersampling"
        )


def estimator() -> Any:
    """Logistic regression (C = 0.1) on standardised values, as a scikit-learn pipeline."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=1000))


@sampler(
    label="Instance hardness",
    reference="Smith, Martinez & Giraud-Carrier, Machine Learning 95(2), 2014",
    check=_check,
    prior_effect="unknown",
    cv=IntRange(3, 5, default=5, minimum=2, maximum=20),
    sampling_strategy=SAMPLING_STRATEGY,
)
def instance_hardness(data: TrainingData, random_state: int, *, cv: int, sampling_strategy: float) -> TrainingPlan:
    """Larger classes keep the images whose class a cross-validated logistic regression is surest of.

    Args:
        data: T training rows; each class has ``cv`` of them at least. All of their values are held as float64.
        random_state: 0..2**32-1; shuffles the folds.
        cv: how many folds.
        sampling_strategy: in (0, 1]; the smallest class over the largest afterwards.
    Returns:
        At most T rows, class by class; the smallest class whole. Of equally sure ones all stay.
    """
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    labels, counts = data.train_labels, data.class_counts
    rng = np.random.RandomState(random_state)
    model = estimator()
    seeds = sorted(name for name in model.get_params() if name.split("__")[-1] == "random_state")
    model.set_params(**{name: rng.randint(np.iinfo(np.int32).max) for name in seeds})
    folds = StratifiedKFold(n_splits=cv, shuffle=True, random_state=rng)
    sure = cross_val_predict(model, data.matrix(data.rows), labels, cv=folds, method="predict_proba")
    sure = sure[np.arange(len(labels)), labels]
    ceiling, smallest = most_rows(counts, sampling_strategy), int(np.argmin(counts))
    kept = []
    for label in range(data.n_classes):
        own = np.flatnonzero(labels == label)
        if label != smallest and counts[label] >= ceiling:
            threshold = np.percentile(sure[own], (1.0 - (ceiling / counts[label])) * 100.0)
            own = own[sure[own] >= threshold]
        kept.append(own)
    chosen = np.concatenate(kept)
    return TrainingPlan.of_rows(data.rows[chosen], labels[chosen])
