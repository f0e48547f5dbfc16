"""Of many techniques the few that stand out: which, and that each has its place in the forest plot."""

from __future__ import annotations

import numpy as np
import pandas as pd

from sweep.analysis.figures.forest import forest_plot, rows_by_kind
from sweep.analysis.highlights import KINDS, MOST, by_kind, highlights, kind_of, shown_in_words
from sweep.analysis.names import display_name
from sweep.analysis.results import Results

NAMES = ["baseline", "smote", "enn", "tomek_links", "focal", "ldam", "vs", "mixup", "sam", "drw", "ldam_drw", "film"]


def results(right: dict[str, float]) -> Results:
    """Two seeds of each technique, right on a share of 40 images."""
    labels = np.arange(40) % 2
    predictions = {}
    for name, share in right.items():
        rng = np.random.default_rng(len(predictions))
        seeds = []
        for _ in range(2):
            hit = rng.permutation(40) < round(40 * share)
            chance = np.where(hit == (labels == 1), 0.8, 0.2)
            seeds.append(np.stack([1 - chance, chance], axis=1))
        predictions[name] = np.array(seeds)
    return Results.from_predictions(labels, predictions, positive=1)


def test_kinds() -> None:
    assert kind_of("smote") == "Samplers"
    assert kind_of("baseline+threshold") == "Decisions"
    assert kind_of("ldam_drw") == kind_of("ldam_drw+threshold") == kind_of("smote+mixup") == "Compositions"
    assert kind_of("one_of_another_version") == "Others"


def test_a_forest_has_each_technique_once_by_kind_and_by_size() -> None:
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"technique": NAMES[1:], "difference": rng.normal(size=len(NAMES) - 1).round(1)})
    rows = list(rows_by_kind(table))
    assert sorted(name for name, row in rows if row is not None) == sorted(NAMES[1:])
    heads = [name for name, row in rows if row is None]
    assert len(set(heads)) == len(heads)
    assert set(heads) <= set(KINDS)
    kind, first, last = "", [], np.inf
    for name, row in rows:
        if row is None:
            kind, last = name, np.inf
            continue
        assert kind_of(name) == kind
        assert row["difference"] <= last
        first += [row["difference"]] if last == np.inf else []
        last = row["difference"]
    assert first == sorted(first, reverse=True)


def test_what_has_no_number_comes_last() -> None:
    found = by_kind(pd.Series({"smote": np.nan, "enn": -0.2, "focal": 0.1}))
    assert found == {"Losses": ["focal"], "Samplers": ["enn", "smote"]}


def test_up_to_eight_are_all_shown() -> None:
    run = results(dict.fromkeys(NAMES[:MOST], 0.6))
    assert highlights(run) == NAMES[:2] + sorted(NAMES[2:MOST])
    assert shown_in_words(run) == ""
    plot = forest_plot(run)
    assert plot is not None
    labels = [label.get_text() for label in plot.figure.axes[0].get_yticklabels()]
    assert labels == [display_name(name) for name in highlights(run) if name != "baseline"]


def test_of_many_the_baseline_and_the_best_of_each_kind_stand_out() -> None:
    right = {name: 0.5 + 0.02 * place for place, name in enumerate(NAMES)} | {"tomek_links": 0.95}
    run = results(right)
    few = highlights(run)
    assert len(few) == MOST
    assert {"baseline", "tomek_links", "vs", "mixup", "sam", "drw", "ldam_drw", "film"} == set(few)
    assert highlights(run, ["smote", "enn"]) == ["smote", "enn"]
    assert highlights(run, NAMES, 3) == ["baseline", "film", "tomek_links"]
    assert "8 of the 12 techniques" in shown_in_words(run)
    plot = forest_plot(run)
    assert plot is not None
    labels = [label.get_text() for label in plot.figure.axes[0].get_yticklabels()]
    assert len(set(labels)) == len(labels) == 11 + len({kind_of(name) for name in NAMES[1:]})
