"""``sweep log`` and ``sweep report --paper`` on the command line: what can't be is one sentence, before any work."""

from __future__ import annotations

from pathlib import Path

import pytest

from balancing.errors import UserError
from sweep.cli.main import app
from tests.sweep.fake_run import fake_images, fake_run


def _call(*words: str) -> None:
    app(list(words), standalone_mode=False)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("log", "RUN", "--to", "mlfow"), "unknown tracker 'mlfow'; did you mean 'mlflow'?"),
        (("log", "RUN", "--to", "mlflow", "--mode", "online"), "--mode is W&B's, but --to is mlflow"),
        (("log", "RUN", "--to", "wandb", "--mode", "later"), "--mode must be offline or online"),
        (("log", "RUN/report", "--to", "wandb"), "is not a run folder"),
        (("report", "RUN", "--out", "paper"), "--out is the folder of --paper, which was not given"),
        (("run", "quick", "--data", "phantom", "--track", "wandbb"), "unknown tracker 'wandbb'"),
    ],
)
def test_what_can_not_be_is_one_sentence(words: tuple[str, ...], said: str, tmp_path: Path) -> None:
    run = fake_run(tmp_path / "run", fake_images(tmp_path / "images", size=8), techniques=("baseline",), lrs=(0.001,))
    with pytest.raises(UserError, match=said.replace("?", r"\?")):
        _call(*(word.replace("RUN", str(run.path)) for word in words))
    assert not (run.path / "report").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["images", "run"]


def test_a_run_is_logged_and_said_where(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = fake_run(tmp_path / "run", fake_images(tmp_path / "images", size=8), techniques=("baseline",), lrs=(0.001,))
    _call("log", str(run.path), "--to", "wandb", "--project", "mine", "--uri", str(tmp_path / "there"))
    out = capsys.readouterr().out
    assert "2 new trials, 0 brought up to date" in out
    assert f"wandb sync {tmp_path}/there/wandb" in out
    assert list((tmp_path / "there" / "wandb").glob("offline-run-*"))
