"""Components that only the driver knows train on Ray's workers; a resume refuses those that are gone or changed."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import textwrap
import threading
from pathlib import Path
from typing import Any

import pytest
from ray import cloudpickle

from balancing.components.axes import TrainingContext
from balancing.components.registry import COMPONENTS, loss
from balancing.errors import UserError
from sweep.cluster.travelling import arrived, travelling
from sweep.runs.trial_folder import TrialFolder
from tests.balancing.components.registered import keep_registry
from tests.balancing.components.test_entry_points import install

SCRIPT = """
    import sys

    from balancing.components.losses.cross_entropy import cross_entropy
    from balancing.components.registry import loss

    SHIFT = 1.0

    def shifted(losses):
        return losses + SHIFT

    @loss(label="Shifted", reference="here")
    def shifted_entropy(context):
        '''Cross-entropy and a constant, so that it trains alike and shows.'''
        return lambda logits, targets: shifted(cross_entropy(logits, targets))

    if __name__ == "__main__":
        import sweep.cli.main

        sys.argv = ["sweep", *sys.argv[1:]]
        sweep.cli.main.main()
"""
RUN = ("run", "demo", "--epochs", "1", "--seeds", "1", "--image-size", "32", "--set", "data.phantom_images=300")


def call(cwd: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "own.py", *arguments], cwd=cwd, capture_output=True, text=True, check=False)


def test_a_loss_of_a_script_trains_on_a_worker_and_a_changed_one_is_not_gone_on_with(tmp_path: Path) -> None:
    script = tmp_path / "own.py"
    script.write_text(textwrap.dedent(SCRIPT))
    done = call(tmp_path, *RUN, "--out", "made", "--techniques", "baseline,shifted_entropy")
    assert done.returncode == 0, done.stdout + done.stderr
    specs = {row["technique"]: row for row in json.loads((tmp_path / "made/trials.json").read_text())}
    epochs = {
        name: json.loads((tmp_path / f"made/trials/{row['trial_id']}/epochs.json").read_text())[0]
        for name, row in specs.items()
    }
    assert epochs["shifted_entropy"]["train_loss"] == pytest.approx(epochs["baseline"]["train_loss"] + 1, abs=1e-4)
    identity = specs["shifted_entropy"]["components"]["loss"]
    assert "components" not in specs["baseline"]
    assert json.loads((tmp_path / "made/run.json").read_text())["components"]["shifted_entropy"] == {
        "axis": "loss",
        "module": "__main__",
        "distribution": "",
        "identity": identity,
    }

    script.write_text(textwrap.dedent(SCRIPT).replace("SHIFT = 1.0", "SHIFT = 2.0"))
    again = call(tmp_path, "resume", "made")
    assert again.returncode == 2
    assert f"the loss '{identity}' of made is 'shifted_entropy@" in again.stderr
    assert "put its source back, or start a new run" in again.stderr
    script.write_text("import sys, sweep.cli.main\nsys.argv = ['sweep', *sys.argv[1:]]\nsweep.cli.main.main()\n")
    gone = call(tmp_path, "resume", "made")
    assert gone.returncode == 2
    assert "has the loss 'shifted_entropy' of module __main__, which is not known here" in gone.stderr


def test_a_component_of_a_module_that_is_not_installed_travels_as_its_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_registry(monkeypatch)
    package = tmp_path / "my_lab"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "helpers.py").write_text("def twice(x):\n    return 2 * x\n")
    (package / "losses.py").write_text(
        textwrap.dedent("""
            from balancing.components.registry import loss
            from my_lab.helpers import twice

            @loss(label="Twice", reference="here")
            def twice_entropy(context):
                '''Twice.'''
                return twice
        """)
    )
    monkeypatch.syspath_prepend(tmp_path)
    importlib.import_module("my_lab.losses")
    with travelling(["smote+twice_entropy", "baseline"]) as components:
        sent = cloudpickle.dumps(components)
    (package / "losses.py").unlink()
    code = (
        "import sys; from ray import cloudpickle; from sweep.cluster.travelling import arrived\n"
        "arrived(cloudpickle.loads(sys.stdin.buffer.read()))\n"
        "from balancing.components.techniques import get_technique\n"
        "from balancing.components.axes import TrainingContext\n"
        "import numpy as np\n"
        "found = get_technique('smote+twice_entropy')\n"
        "print(found.loss(TrainingContext(np.array([1, 2])))(21), found.components['loss'])"
    )
    done = subprocess.run([sys.executable, "-c", code], input=sent, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    component = COMPONENTS.get("twice_entropy")
    assert component is not None
    assert done.stdout.decode().strip() == f"42 {component.identity}"
    for name in [name for name in sys.modules if name.partition(".")[0] == "my_lab"]:
        del sys.modules[name]


UNLIKE = """
    import os

    from balancing.components.losses.cross_entropy import cross_entropy
    from balancing.components.registry import loss

    FACTOR = 1.0 if os.environ["DRIVER"] == str(os.getpid()) else 2.0

    @loss(label="Unlike", reference="here")
    def unlike(context):
        'Another on a worker than here.'
        return lambda logits, targets: FACTOR * cross_entropy(logits, targets)
"""
DRIVER = """
    import os, sys

    os.environ["DRIVER"] = str(os.getpid())
    import sweep.cli.main

    sys.argv = ["sweep", *sys.argv[1:]]
    sweep.cli.main.main()
"""


def test_a_worker_with_another_version_of_an_installed_component_trains_nothing_by_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = tmp_path / "site"
    site.mkdir()
    install(site, "my-lab", {"unlike": "unlike_module"}, unlike_module=UNLIKE)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(site), *sys.path]))
    (tmp_path / "own.py").write_text(textwrap.dedent(DRIVER))
    done = call(tmp_path, *RUN, "--out", "made", "--techniques", "baseline,unlike", "--set", "sweep.retries=1")
    assert done.returncode == 0, done.stdout + done.stderr
    specs = {row["technique"]: row for row in json.loads((tmp_path / "made/trials.json").read_text())}
    folders = {name: TrialFolder(tmp_path / f"made/trials/{row['trial_id']}") for name, row in specs.items()}
    assert folders["baseline"].status()["status"] == "done"
    assert folders["unlike"].status()["status"] == "failed"
    assert folders["unlike"].epochs() == []
    identity = specs["unlike"]["components"]["loss"]
    assert f"was planned with the loss '{identity}', but on " in folders["unlike"].status()["error"]


def test_what_cannot_travel_is_told_before_anything_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    keep_registry(monkeypatch)
    held = threading.Lock()

    @loss(label="Holding", reference="here")
    def holding(context: TrainingContext) -> Any:
        """Holds a lock."""
        return lambda logits, targets: held

    with pytest.raises(UserError, match=r"the loss 'holding' in .*test_travelling.py:\d+ can't be sent to Ray's"):
        travelling(["holding"]).__enter__()


def test_what_arrives_twice_is_what_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker is used again for the next trial."""
    keep_registry(monkeypatch)

    @loss(label="Once", reference="here")
    def once(context: TrainingContext) -> Any:
        """Once."""

    component = COMPONENTS.get("once")
    assert component is not None
    arrived([component])
    arrived([component])
    assert COMPONENTS.get("once") is component
