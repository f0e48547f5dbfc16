"""Two stages in one run: validation alone decides what goes on; stopped anywhere, it ends with the same numbers."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import sweep as sweep_package
from balancing.errors import UserError
from sweep import sweeps
from sweep.analysis.results import Results
from sweep.analysis.stages import TwoStages
from sweep.config.config import Config, build_config, recorded_config
from sweep.planning.funnel import Stages, decide, end_to_end, prepare_stages, second_stage
from sweep.reports import report_of_run
from sweep.runs.observer import Observer
from sweep.runs.run import Run
from sweep.runs.stages import decision_of, first_of, first_path
from tests.golden.kinds import WEIGHTS
from tests.sweep.cluster.sweeping import call
from tests.sweep.test_local import numbers

FILE: dict[str, Any] = {
    "data": {"source": "phantom", "image_size": 32, "phantom_images": 300},
    "space": {"lr": 0.001, "epochs": 1, "seeds": 2},
    "train": {"weights": str(WEIGHTS), "stem": "imagenet", "resume_seconds": 0},
    "funnel": {
        "keep": 1,
        "first": {
            "preset": "quick",
            "space": {
                "techniques": ["undersampling", "smote@features", "mixup@features", "baseline+threshold"],
                "lr": 0.01, "epochs": 2, "seeds": 2, "batch_size": 4096,
            },
            "train": {"network": "frozen"},
        },
    },
}  # fmt: skip


def funnel(**changes: Any) -> Config:
    """FILE with other values, ``section__key``."""
    return build_config(FILE, {key.replace("__", "."): value for key, value in changes.items()})


class Counts(Observer):
    """Stops at the n-th epoch of both stages together, as Ctrl-C would; keeps what was noted."""

    def __init__(self, stop: int = 0) -> None:
        self.stop, self.epochs, self.notes = stop, 0, list[str]()

    def note(self, sentence: str) -> None:
        self.notes.append(sentence)

    def epoch(self, trial_id: str, numbers: Mapping[str, Any]) -> None:
        self.epochs += 1
        if self.epochs == self.stop:
            raise KeyboardInterrupt


def both(run: Run) -> tuple[Any, ...]:
    """All that both stages found out and decided, but for times."""
    first, decision = first_of(run), decision_of(run)
    assert first is not None
    assert decision is not None
    return numbers(first), {key: value for key, value in decision.items() if key != "time"}, numbers(run)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Run:
    observer = Counts()
    run = sweeps.start(funnel(), "funnel", tmp_path_factory.mktemp("funnel") / "run", observer, executor="local")
    assert observer.epochs == 4 * 2 * 2 + 2 * 2, "four techniques that train, two epochs; then two, one epoch"
    return run


# What goes on


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("baseline", "baseline"),
        ("smote", "smote"),
        ("smote@features", "smote"),
        ("mixup@features", "mixup"),
        ("smote@features+focal", "smote+focal"),
        ("smote@features+threshold", "smote+threshold"),
        ("smote@features+crt", "decoupled_smote"),
        ("ldam_drw", "ldam_drw"),
    ],
)
def test_what_works_on_features_goes_on_as_what_it_is_in_pixels(name: str, form: str) -> None:
    assert end_to_end(name) == (form, "")


def chosen(means: Mapping[str, float], metrics: Mapping[str, str] | None = None) -> Any:
    """A first stage with these means on validation, and nothing of the test split to look at."""
    rows = [
        {"technique": name, "mean": mean, "seeds": [0, 1], "metric": (metrics or {}).get(name, "balanced_accuracy")}
        for name, mean in means.items()
    ]
    return SimpleNamespace(selection=lambda: rows, specs=list)


def stages_of(names: list[str], keep: int, why_not: Mapping[str, str] | None = None) -> Stages:
    config = funnel(funnel__keep=keep)
    forms = {name: None if name in (why_not or {}) else end_to_end(name)[0] for name in names}
    nothing: Any = None
    return Stages(config, config.first_stage, nothing, nothing, forms, why_not or {})


def test_who_lost_most_of_its_seeds_does_not_go_on() -> None:
    """Two seeds of six may be the two lucky ones; three of six are judged as they are."""
    means = {"baseline": 0.7, "smote": 0.9, "focal": 0.8}
    first = chosen(means)
    rows = [{**row, "planned": 6 if row["technique"] == "smote" else 4} for row in first.selection()]
    found = decide(SimpleNamespace(selection=lambda: rows, specs=list), stages_of(list(means), 1))  # type: ignore[arg-type]
    assert found["techniques"] == ["baseline", "focal"]
    (lost,) = [row for row in found["ranked"] if row["technique"] == "smote"]
    assert (lost["as"], lost["why"]) == (None, "of its seeds 2 alone ended with a result")


def test_the_best_on_validation_go_on_and_ties_by_name() -> None:
    means = {"baseline": 0.9, "smote": 0.7, "focal": 0.7, "mixup": 0.7, "undersampling": 0.8}
    found = decide(chosen(means), stages_of(list(means), 2))
    assert found["techniques"] == ["baseline", "undersampling", "focal"]
    for order in itertools.permutations(means):
        again = decide(chosen({name: means[name] for name in order}), stages_of(list(means), 2))
        assert again["techniques"] == found["techniques"]
    assert [row["technique"] for row in found["ranked"]] == ["baseline", "undersampling", "focal", "mixup", "smote"]


def test_two_forms_of_one_technique_go_on_once_and_the_place_is_the_next_ones() -> None:
    means = {"baseline": 0.1, "smote": 0.7, "smote@features": 0.8, "focal": 0.6}
    found = decide(chosen(means), stages_of(list(means), 2))
    assert found["techniques"] == ["baseline", "smote", "focal"]
    why = {row["technique"]: (row["as"], row["why"]) for row in found["ranked"]}
    assert why["smote@features"] == ("smote", "among the best 2; end to end it is SMOTE")
    assert why["smote"] == (None, "end to end it is the same as SMOTE on features, which was ahead")


def test_what_has_no_form_or_another_metric_does_not_go_on_and_why_is_said() -> None:
    means = {"baseline": 0.5, "deep_auc": 0.9, "kmeans_smote": 0.8, "focal": 0.4}
    found = decide(
        chosen(means, {"deep_auc": "auroc"}), stages_of(list(means), 3, {"kmeans_smote": "these data rule it out"})
    )
    assert found["techniques"] == ["baseline", "focal"]
    why = {row["technique"]: row["why"] for row in found["ranked"]}
    assert "chosen by auroc" in why["deep_auc"]
    assert why["kmeans_smote"] == "these data rule it out"


def test_decisions_follow_what_they_decide_on() -> None:
    names = ["baseline", "smote@features", "focal", "baseline+threshold", "smote@features+threshold", "focal+threshold"]
    means = {"baseline": 0.5, "smote@features": 0.9, "focal": 0.4}
    found = decide(chosen(means), stages_of(names, 1))
    assert found["techniques"] == ["baseline", "smote", "baseline+threshold", "smote+threshold"]


def test_parameters_given_for_the_form_on_features_hold_for_the_plain_one() -> None:
    config = funnel(space__parameters={"smote@features": {"k_neighbors": 3}})
    assert second_stage(config, ["baseline", "smote"]).space.parameters["smote"] == {"k_neighbors": 3}


def test_what_the_second_stage_cannot_be_is_said_before_the_first_begins() -> None:
    with pytest.raises(UserError, match=r"gone\.pt"):
        prepare_stages(funnel(funnel__first__train__weights=str(WEIGHTS), train__weights="gone.pt"))


# The run


def test_each_stage_opens_the_test_split_once_for_its_own_chosen_trials(undisturbed: Run) -> None:
    first = first_of(undisturbed)
    assert first is not None
    for run in (first, undisturbed):
        (opening,) = run.test_openings()
        assert sorted(opening["trials"]) == sorted(t for c in run.selection() for t in c["trial_ids"])
        assert run.info["status"] == "finished"
    decision = decision_of(undisturbed)
    assert decision is not None
    assert decision["time"] <= undisturbed.test_openings()[0]["time"]


def test_the_decision_is_what_validation_says(undisturbed: Run) -> None:
    first, decision = first_of(undisturbed), decision_of(undisturbed)
    assert first is not None
    assert decision is not None
    means = first.trials().groupby("technique")["balanced_accuracy"].mean().drop("baseline")
    best = min(means.index, key=lambda name: (-means[name], name))
    assert decision["techniques"] == ["baseline", end_to_end(best)[0], "baseline+threshold"]
    assert {spec.technique for spec in undisturbed.specs()} == {"baseline", end_to_end(best)[0]}
    assert recorded_config(undisturbed).space.techniques == decision["techniques"]
    assert {spec.network for spec in undisturbed.specs()} == {"resnet18"}
    assert {spec.network for spec in first.specs()} == {"frozen:resnet18"}
    assert first.info["data"]["split_fingerprint"] == undisturbed.info["data"]["split_fingerprint"]


@pytest.mark.parametrize("stop", [3, 18])
def test_stopped_in_either_stage_it_goes_on_to_the_same_numbers(undisturbed: Run, tmp_path: Path, stop: int) -> None:
    observer = Counts(stop)
    with pytest.raises(sweeps.Interrupted):
        sweeps.start(funnel(), "funnel", tmp_path / "run", observer, executor="local")
    halfway = Run(tmp_path / "run")
    assert halfway.info["status"] == "interrupted"
    assert (decision_of(halfway) is None) == (stop == 3)
    assert "sweep resume" in observer.notes[-1]
    assert str(first_path(halfway)) not in observer.notes[-1]
    with pytest.raises(UserError, match="goes on as a whole"):
        sweeps.resume(first_path(halfway), recorded_config(first_of(halfway) or halfway), Counts(), executor="local")
    again = sweeps.resume(halfway.path, recorded_config(halfway), Counts(), executor="local")
    assert both(again) == both(undisturbed)


def test_resumed_by_the_file_it_was_started_with_it_is_the_same_run(undisturbed: Run) -> None:
    before = both(undisturbed)
    assert both(sweeps.resume(undisturbed.path, funnel(), Counts(), executor="local")) == before
    for changes, key in (
        ({"funnel__keep": 2}, "funnel.keep"),
        ({"space__seeds": 3}, "space.seeds"),
        ({"funnel__first": {**FILE["funnel"]["first"], "space": {"seeds": 9}}}, "funnel.first.space"),
    ):
        with pytest.raises(UserError, match=f"was started with {key}"):
            sweeps.resume(undisturbed.path, funnel(**changes), Counts(), executor="local")


def test_one_report_tells_of_both_stages_and_links_to_the_firsts(undisturbed: Run) -> None:
    page = report_of_run(undisturbed, None, funnel().report, cams=False)
    text = page.read_text(encoding="utf-8")
    assert '<h2 id="stages-section">Two stages</h2>' in text
    assert 'href="../first/report/index.html"' in text
    assert (page.parent / "../first/report/index.html").resolve().is_file()
    summary = json.loads((page.parent / "summary.json").read_text(encoding="utf-8"))
    found, decision = summary["sections"]["stages"], decision_of(undisturbed)
    assert decision is not None
    assert found["techniques"] == decision["techniques"]
    assert (found["openings_first"], found["openings_second"]) == (1, 1)
    first = json.loads((undisturbed.path / "first" / "report" / "summary.json").read_text(encoding="utf-8"))
    assert "stages" not in first["sections"]
    assert str(WEIGHTS.parent) not in text


def test_the_table_has_both_stages_own_numbers(undisturbed: Run) -> None:
    stages = TwoStages.of(Results(undisturbed))
    assert stages is not None
    table = stages.table.set_index("technique")
    metric = stages.metric
    for technique, mean in stages.first.table().set_index("technique")[metric].items():
        assert table.loc[technique, "test"] == mean
    second = stages.second.table().set_index("technique")[metric]
    for technique, form in table["goes_on_as"].items():
        expected = second[form] if form else float("nan")
        np.testing.assert_equal(table.loc[technique, "second_test"], expected)
    assert stages.agreement.techniques == 1


def test_a_run_of_one_stage_has_no_such_section(undisturbed: Run) -> None:
    first = first_of(undisturbed)
    assert first is not None
    assert TwoStages.of(Results(first)) is None


def test_from_python_both_stages_are_runs(undisturbed: Run) -> None:
    run = sweep_package.open_run(undisturbed.path)
    assert run.first is not None
    assert run.first.path == undisturbed.path / "first"
    assert run.first.first is None
    assert set(run.first.results.table()["technique"]) == {
        "baseline", "undersampling", "smote@features", "mixup@features", "baseline+threshold",
    }  # fmt: skip


# By the command line, on Ray


def test_on_ray_both_stages_have_the_same_numbers(undisturbed: Run, tmp_path: Path) -> None:
    (tmp_path / "funnel.yaml").write_text(funnel().to_yaml())
    plan = call("plan", tmp_path / "funnel.yaml")
    assert "baseline and the best 1" in plan
    assert "First stage: 5 techniques" in plan
    assert plan.count("trials") >= 2
    call("run", tmp_path / "funnel.yaml", "--out", tmp_path / "run")
    assert both(Run(tmp_path / "run")) == both(undisturbed)
    assert (tmp_path / "run" / "first" / "report" / "index.html").is_file()
