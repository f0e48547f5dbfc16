"""imbalanced-learn's samplers that make the rows of ours, to compare with."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

# sampler -> imbalanced-learn's module and class, where the parameters are named alike
_ALIKE = {
    "undersampling": ("under_sampling", "RandomUnderSampler"),
    "oversampling": ("over_sampling", "RandomOverSampler"),
    "smote": ("over_sampling", "SMOTE"),
    "borderline_smote": ("over_sampling", "BorderlineSMOTE"),
    "adasyn": ("over_sampling", "ADASYN"),
    "svm_smote": ("over_sampling", "SVMSMOTE"),
    "kmeans_smote": ("over_sampling", "KMeansSMOTE"),
    "smote_tomek": ("combine", "SMOTETomek"),
    "smote_enn": ("combine", "SMOTEENN"),
    "tomek_links": ("under_sampling", "TomekLinks"),
    "enn": ("under_sampling", "EditedNearestNeighbours"),
    "repeated_enn": ("under_sampling", "RepeatedEditedNearestNeighbours"),
    "all_knn": ("under_sampling", "AllKNN"),
    "ncr": ("under_sampling", "NeighbourhoodCleaningRule"),
    "one_sided_selection": ("under_sampling", "OneSidedSelection"),
    "nearmiss": ("under_sampling", "NearMiss"),
    "instance_hardness": ("under_sampling", "InstanceHardnessThreshold"),
}
_DRAWS_NOTHING = ("tomek_links", "enn", "repeated_enn", "all_knn", "ncr", "nearmiss")
ORACLES = tuple(_ALIKE)


def oracle(sampler: str, parameters: Mapping[str, Any], random_state: int) -> Any:
    """imbalanced-learn's estimator, whose ``fit_resample`` makes the rows of our sampler's plan.

    Args:
        sampler: one of ``ORACLES``.
        parameters: ours; ``sampling_strategy`` may be "auto".
        random_state: 0..2**32-1.
    """
    module, name = _ALIKE[sampler]
    given = dict(parameters)
    if sampler not in _DRAWS_NOTHING:
        given["random_state"] = random_state
    if sampler == "borderline_smote":
        given["kind"] = f"borderline-{given['kind']}"
    elif sampler == "kmeans_smote":
        from sklearn.cluster import MiniBatchKMeans

        given["kmeans_estimator"] = MiniBatchKMeans(n_clusters=given.pop("n_clusters"), random_state=random_state)
    elif sampler == "instance_hardness":
        from balancing.components.samplers.hardness import estimator

        given["estimator"] = estimator()
    elif sampler in ("smote_tomek", "smote_enn"):
        own: dict[str, Any] = {key: given.pop(key) for key in ("n_neighbors", "kind_sel") if key in given}
        given = {"random_state": random_state, "smote": oracle("smote", given, random_state)}
        if sampler == "smote_enn":
            given["enn"] = oracle("enn", {**own, "sampling_strategy": "all"}, random_state)
    return getattr(import_module(f"imblearn.{module}"), name)(**given)
