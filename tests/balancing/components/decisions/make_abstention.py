"""Writes abstention.json: what abstention 0.1.3.1, of the authors of bias-corrected temperature scaling, finds.

pip install --no-deps abstention==0.1.3.1  # in an environment of its own, with numpy, scipy and scikit-learn
python make_abstention.py
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from abstention.calibration import TempScaling, VectorScaling  # type: ignore[import-not-found]
from abstention.label_shift import EMImbalanceAdapter  # type: ignore[import-not-found]


def main() -> None:
    rng = np.random.default_rng(5)
    labels = np.repeat([0, 1, 2], [70, 35, 15])
    logits = 1.5 * rng.normal(size=(120, 3)) + 3 * np.eye(3)[labels] - [0, 1, 0.5]
    logits = np.round(logits - logits.mean(axis=1, keepdims=True), 3)
    logits[:, 2] = np.round(-logits[:, 0] - logits[:, 1], 3)  # rows sum to 0
    other = np.round(1.5 * rng.normal(size=(60, 3)) + 3 * np.eye(3)[np.repeat([0, 1, 2], 20)], 3)
    tight = {"options": {"ftol": 1e-15, "gtol": 1e-10, "maxiter": 5000}}
    truth = np.eye(3)[labels]
    temperature, bias = TempScaling(bias_positions="all", lbfgs_kwargs=tight)._get_optimal_t_and_biases(logits, truth)
    calibrate = TempScaling(bias_positions="all", lbfgs_kwargs=tight)(logits, truth)
    scales, biases = VectorScaling(lbfgs_kwargs=tight)._get_optimal_ws_and_biases(logits, truth)
    adapt = EMImbalanceAdapter(estimate_priors_from_valid_labels=True, tolerance=1e-12, max_iterations=100_000)
    adapted = adapt(calibrate(other), calibrate(logits), truth)(calibrate(other))
    found = {
        "logits": logits.tolist(),
        "labels": labels.tolist(),
        "other": other.tolist(),
        "bcts": {"temperature": float(temperature), "bias": np.asarray(bias).tolist()},
        "vector": {"scales": scales.tolist(), "biases": biases.tolist()},
        "em": np.round(adapted, 6).tolist(),
    }
    Path(__file__).with_name("abstention.json").write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main()
