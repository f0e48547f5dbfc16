"""A run records the components from outside the package that it was made with, and a resume refuses others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from balancing.components.axes import TrainingContext
from balancing.components.decorators import loss
from balancing.components.registry import COMPONENTS
from balancing.components.techniques import get_technique
from balancing.errors import UserError
from sweep.runs.foreign import check_present, check_unchanged
from sweep.runs.run import Run
from sweep.runs.spec import TrialSpec
from tests.balancing.components.registered import keep_registry
from tests.sweep.fake_run import fake_images, fake_run

FACTOR = 2.0


def define() -> None:
    @loss(label="Foreign", reference="here")
    def foreign(context: TrainingContext) -> Any:
        """A loss from elsewhere."""
        return lambda logits, targets: FACTOR * logits.sum(1)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    keep_registry(monkeypatch)
    define()
    made = fake_run(tmp_path / "run", fake_images(tmp_path), techniques=["baseline", "smote"], seeds=1)
    technique = get_technique("foreign")
    specs = [*made.specs(), TrialSpec("foreign", lr=0.1, epochs=1, seed=0, components=technique.components)]
    assert "components" not in made.info, "the package's own need no record"
    made.write_specs(specs)
    assert made.specs() == specs
    return made


def test_where_it_comes_from_is_recorded(run: Run) -> None:
    component = COMPONENTS.get("foreign")
    assert component is not None
    assert run.info["components"] == {
        "foreign": {"axis": "loss", "module": __name__, "distribution": "", "identity": component.identity}
    }
    check_unchanged(run)


def test_what_is_gone_is_told_with_its_module(run: Run) -> None:
    del COMPONENTS._known["foreign"]
    with pytest.raises(UserError, match=rf"has the loss 'foreign' of module {__name__}, which is not known here"):
        check_present(run)


def test_what_changed_is_refused_even_where_only_what_it_names_changed(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"{__name__}.FACTOR", 3.0)
    check_present(run)
    with pytest.raises(UserError, match=r"the loss 'foreign@\w{12}' of .* is 'foreign@\w{12}' now "):
        check_unchanged(run)
