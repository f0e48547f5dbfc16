"""Decisions that are added to a finished run: kept, told, and counted among what was compared."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from balancing.components.decorators import decision
from balancing.errors import UserError
from sweep.analysis.results import Results
from sweep.cli.jobs import add_decisions as job
from sweep.cli.printing import make_console
from sweep.report.build import found_warnings
from sweep.reports import add_decisions
from sweep.runs.run import Run
from tests.balancing.components.registered import keep_registry
from tests.sweep.fake_run import fake_images, fake_run

SHIFT = 1.0


def define() -> None:
    @decision(label="Shifted up", reference="here")
    def shifted_up() -> Any:
        """The second class gets more."""
        return lambda logits, labels, prior: lambda given: given + np.array([0, SHIFT])


@pytest.fixture
def run(tmp_path: Path) -> Run:
    images = fake_images(tmp_path / "images", size=16, per_class=(60, 200))
    return fake_run(tmp_path / "run", images, techniques=["baseline", "smote"], failing=False, lrs=(0.01,))


def test_they_stay_in_the_run_and_every_report_says_that_they_came_afterwards(run: Run) -> None:
    before = Results(Run(run.path))
    assert not [line for line in found_warnings(before) if line.startswith("Added afterwards")]
    assert add_decisions(run, "threshold,baseline+bcts") == ["baseline+threshold", "smote+threshold", "baseline+bcts"]
    results = Results(Run(run.path))
    assert set(results.table()["technique"]) == {"baseline", "smote", *results.decisions}
    assert len(results.differences()) == 4
    (p,), (alone,) = (r.differences().query("technique == 'smote'")["p_holm"] for r in (results, before))
    assert p >= alone
    (sentence,) = [line for line in found_warnings(results) if line.startswith("Added afterwards")]
    assert "Baseline + Threshold" in sentence
    assert "SMOTE + Threshold" in sentence
    assert add_decisions(Run(run.path), "threshold") == []


def test_the_command_says_what_it_added(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    for said in ("Decided anew, without training: smote+temperature.", "The run holds these decisions already."):
        job(Run(run.path), "smote+temperature", make_console())
        assert said in capsys.readouterr().out


def test_a_run_that_goes_on_takes_none(run: Run) -> None:
    run.update_info(status="interrupted")
    with pytest.raises(UserError, match="but .* is interrupted; go on with it by `sweep resume` first"):
        add_decisions(Run(run.path), "threshold")
    assert "decisions_added" not in Run(run.path).info


def test_a_decision_from_elsewhere_is_recorded_with_its_digest(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    keep_registry(monkeypatch)
    define()
    loaded = yaml.safe_load(run.config_yaml)
    loaded["space"]["techniques"] = ["baseline", "smote", "smote+shifted_up"]
    (run.path / "config.yaml").write_text(yaml.safe_dump(loaded))
    run = Run(run.path)
    run.write_specs(run.specs())  # as a sweep does when it begins
    then = run.info["components"]["shifted_up"]
    assert (then["axis"], then["module"]) == ("decision", __name__)
    assert then["identity"].startswith("shifted_up@")
    assert not [line for line in found_warnings(Results(run)) if "shifted_up" in line]
    assert add_decisions(run, "baseline+shifted_up") == ["baseline+shifted_up"]
    run = Run(run.path)
    run.write_specs(run.specs())
    assert run.info["components"] == {"shifted_up": then}
    monkeypatch.setattr(f"{__name__}.SHIFT", 2.0)
    (sentence,) = [line for line in found_warnings(Results(run)) if "'shifted_up'" in line]
    assert f"but '{then['identity']}' when the run was made" in sentence
    assert "what is shown is decided by the one that is here" in sentence


def test_a_decision_that_is_gone_costs_what_it_decided_on(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        keep_registry(patched)
        define()
        add_decisions(run, "shifted_up")
    results = Results(Run(run.path))
    assert list(results.table()["technique"]) == ["baseline", "smote"]
    (sentence,) = [line for line in found_warnings(results) if "shifted_up" in line]
    assert sentence.startswith("The decision 'shifted_up' of module ")
    assert "is not known where this report was written" in sentence
