"""The recipe of the preset ``frozen`` against scikit-learn: after its steps a head is where the optimum is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score

from sweep.config.config import build_config
from sweep.config.files import read_file
from sweep.runs.trial_folder import TrialFolder
from tests.sweep.training.many.heads import make_vectors, specs_of, together


@pytest.mark.parametrize("technique", ["baseline", "class_weights"])
def test_heads_of_the_preset_end_at_logistic_regression(technique: str, tmp_path: Path) -> None:
    config = build_config(read_file("frozen"))
    # As many features for each row as photographs' have here: where the steps are too few, chance is in the answers.
    images = make_vectors(train=(300, 100), held_out=60, dimensions=200)
    assert images.vectors is not None
    space: Any = config.space  # numbers, no ranges
    decay = max(space.weight_decay)
    recipe: dict[str, Any] = {"optimizer": config.train.optimizer, "lr_schedule": config.train.lr_schedule}
    whole = {"epochs": int(space.epochs), "batch_size": int(space.batch_size)}
    specs = specs_of(technique, seeds=2, lr=space.lr, weight_decay=decay, **recipe, **whole)
    together(specs, images, tmp_path)

    rows, labels = images.vectors.standard, images.labels
    weights = "balanced" if technique == "class_weights" else None
    # softmax's two vectors share what the logistic one has: half the penalty on each.
    model = LogisticRegression(C=2 / (decay * len(images.train)), class_weight=weights, tol=1e-8, max_iter=5000)
    model.fit(rows[images.train], labels[images.train])
    known = model.decision_function(rows[images.validation])
    for spec in specs:
        last = TrialFolder(tmp_path / spec.trial_id).epochs()[-1]
        assert last["auroc"] == pytest.approx(roc_auc_score(labels[images.validation], known), abs=0.005)
        # What is left of the first weights, or of steps that were too few or too long, is in the probabilities.
        loss = log_loss(labels[images.validation], model.predict_proba(rows[images.validation]))
        assert last["loss"] == pytest.approx(loss, rel=0.02)
