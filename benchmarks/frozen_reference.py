"""The heads of ``benchmarks.frozen`` by scikit-learn and imbalanced-learn."""

from __future__ import annotations

import warnings
from typing import Any

from benchmarks.frozen_data import Data


def counterparts(seed: int) -> dict[str, Any]:
    """Technique -> imbalanced-learn's sampler with the same defaults, or ``balanced``, or None."""
    from imblearn import over_sampling as over
    from imblearn import under_sampling as under

    return {
        "baseline": None,
        "class_weights": "balanced",
        "undersampling": under.RandomUnderSampler(random_state=seed),
        "oversampling": over.RandomOverSampler(random_state=seed),
        "smote@features": over.SMOTE(random_state=seed),
        "borderline_smote@features": over.BorderlineSMOTE(random_state=seed),
        "adasyn@features": over.ADASYN(random_state=seed),
        "tomek_links@features": under.TomekLinks(),
        "enn@features": under.EditedNearestNeighbours(),
        "nearmiss@features": under.NearMiss(),
    }


def fit(data: Data, technique: str, seed: int, weight_decay: float) -> tuple[str, int, float, float]:
    """One head by scikit-learn: StandardScaler, the sampler, LogisticRegression; AUROC and balanced accuracy on
    validation.

    Two softmax columns that share an L2 penalty of weight decay w equal one column with w / 2, so C = 2 / (w rows).
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import balanced_accuracy_score, roc_auc_score
    from sklearn.preprocessing import StandardScaler

    warnings.filterwarnings("ignore")
    vectors, split = data.load()
    labels = split["labels"]
    scaler = StandardScaler().fit(vectors[split["train"]])
    rows, own = scaler.transform(vectors[split["train"]]), labels[split["train"]]
    how = counterparts(seed)[technique]
    weights = how if isinstance(how, str) else None
    if how is not None and weights is None:
        rows, own = how.fit_resample(rows, own)
    found = LogisticRegression(C=2 / (weight_decay * len(own)), class_weight=weights, max_iter=1000).fit(rows, own)
    seen = split["validation"]
    said = found.predict_proba(scaler.transform(vectors[seen]))[:, 1]
    auroc = float(roc_auc_score(labels[seen], said))
    return technique, seed, auroc, float(balanced_accuracy_score(labels[seen], said > 0.5))
