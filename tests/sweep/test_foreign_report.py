"""A finished run whose technique is not known any more is opened and reported; going on with it is refused."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import sweep
from balancing import UserError
from balancing.components.axes import TrainingContext
from balancing.components.registry import COMPONENTS, loss
from sweep.report.render import write_report
from tests.balancing.components.registered import keep_registry

FACTOR = 2.0
TINY: dict[str, Any] = {"image_size": 16, "phantom_images": 300, "seeds": 2, "epochs": 1}
GONE = f"The loss 'gentle_entropy' of module {__name__} is not known where this report was written: "


def define() -> None:
    import torch

    @loss(label="Gentle & Co", reference="Here, 2026", colour="#123456")
    def gentle_entropy(context: TrainingContext) -> Any:
        """Cross-entropy, halved."""
        return lambda logits, targets: torch.nn.functional.cross_entropy(logits, targets, reduction="none") / FACTOR


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run; its loss is forgotten when this is given."""
    folder = tmp_path_factory.mktemp("foreign") / "run"
    with pytest.MonkeyPatch.context() as patched:
        keep_registry(patched)
        define()
        techniques = ["baseline", "gentle_entropy", "undersampling+gentle_entropy"]
        made = sweep.compare("phantom", techniques, executor="local", out=folder, **TINY)
        assert made.status == "finished"
    return folder


def called(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "sweep.cli", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_it_is_opened_and_tabulated_with_its_name(path: Path) -> None:
    assert COMPONENTS.get("gentle_entropy") is None
    run = sweep.open_run(path)
    names = ["baseline", "gentle_entropy", "undersampling+gentle_entropy"]
    assert run.results.table()["technique"].tolist() == names
    assert len(run.trials()) == 6
    assert "Gentle entropy" in run._repr_html_()
    assert "forest" in run.figures()


def test_it_is_reported_in_another_process_with_what_the_records_tell(path: Path) -> None:
    done = called("report", path, "--no-cams")
    assert done.returncode == 0, done.stderr
    assert "Gentle entropy" in done.stdout
    assert "No activation maps" not in done.stdout, "its images are read by the records alone"
    text = (path / "report" / "report.md").read_text(encoding="utf-8")
    assert text.count(GONE.replace("_", r"\_")) + text.count(GONE) == 1
    assert "| Gentle entropy |" in text
    assert "Undersampling + gentle entropy" in text
    assert f"the loss 'gentle_entropy' of module {__name__}, not known here" in text.replace("\\", "")


def test_it_is_reported_from_python(path: Path) -> None:
    assert sweep.open_run(path).report(cams=False, prevalence=0.1).is_file()
    with pytest.raises(UserError, match=r"report.prevalence: .*less than 1"):
        sweep.open_run(path).report(prevalence=3)


def test_going_on_with_it_is_refused_in_one_sentence(path: Path) -> None:
    with pytest.raises(UserError, match="has the loss 'gentle_entropy' of module .*, which is not known here; import"):
        sweep.open_run(path).resume(executor="local")
    done = called("resume", path, "--local")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "which is not known here; import that before" in done.stderr


def test_another_component_of_its_name_is_told_apart(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keep_registry(monkeypatch)
    define()
    run = sweep.open_run(path)
    page = write_report(run._run)
    assert "is not known where" not in page.read_text(encoding="utf-8")
    assert "a digest of its source" not in page.read_text(encoding="utf-8")
    monkeypatch.setattr(f"{__name__}.FACTOR", 3.0)
    assert "(behind &#39;@&#39; stands a digest of its source)" in write_report(run._run).read_text(encoding="utf-8")
