"""Folds before anything trains: what is refused, what is left out, and folds that the data tell."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from balancing.errors import UserError
from sweep.config.config import build_config
from sweep.planning.folds import prepare_folds
from tests.sweep.folded import folded


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"data__folds": 1}, r"data\.folds must be 2 or more, or 0"),
        ({"data__folds": 0, "data__repeats": 2}, "there are none; give --folds 5 too"),
        ({"data__test_fold": "a"}, r"data\.test_fold=a makes one fold the test split"),
        ({"space__confirm": 6, "sweep__until_decided": True}, "each would stop by its own"),
        ({"funnel": {"keep": 1, "first": {"train": {"network": "frozen"}}}}, "can't be had with a funnel"),
    ],
)
def test_what_cannot_be_with_folds_is_refused_in_one_sentence(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        folded(**changes)


def test_a_technique_that_one_fold_rules_out_is_left_out_of_all() -> None:
    config = folded(data__folds=20, space__techniques=["baseline", "smote"])
    many = folded(data__folds=20, space__techniques=["baseline", "smote"], space__skip_infeasible=True,
                  space__parameters={"smote": {"k_neighbors": 66}})  # fmt: skip
    assert prepare_folds(config).config.space.techniques == ["baseline", "smote"]
    found = prepare_folds(many)
    positives = {int(np.bincount(one.images.labels[one.split.train])[1]) for one in found.each}
    assert found.config.space.techniques == (["baseline"] if min(positives) <= 66 else ["baseline", "smote"])
    assert {tuple(one.config.space.techniques) for one in found.each if one.config} == {
        tuple(found.config.space.techniques)
    }


def test_a_column_of_folds_in_a_table_is_used(tmp_path: Path) -> None:
    from PIL import Image

    rng = np.random.default_rng(0)
    rows = []
    for number in range(36):
        Image.fromarray(rng.integers(0, 256, (32, 32), dtype=np.uint8)).save(tmp_path / f"{number}.png")
        rows.append({"file": f"{number}.png", "label": ["well", "sick"][number % 2], "fold": number // 2 % 3})
    pd.DataFrame(rows).to_csv(tmp_path / "labels.csv", index=False)
    config = build_config(
        {"data": {"source": str(tmp_path), "labels": "labels.csv", "image_size": 32, "positive": "sick",
                  "fold_column": "fold", "folds": 3, "patient_pattern": "none"},
         "train": {"weights": "none"}, "space": {"techniques": ["baseline"]}}
    )  # fmt: skip
    found = prepare_folds(config)
    for number, one in enumerate(found.each):
        told = {int(Path(name).stem) // 2 % 3 for name in one.images.names[one.split.test]}
        assert told == {number}
    with pytest.raises(UserError, match="tell 3 folds of their own"):
        prepare_folds(config.model_copy(update={"data": config.data.model_copy(update={"folds": 4})}))
