"""``sweep audit`` and the refusal of a run on leaking data, as a user meets them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from balancing.errors import UserError
from sweep.cli.main import main
from sweep.config.config import build_config
from sweep.planning.prepare import prepare


@pytest.fixture
def leaking(tmp_path: Path) -> Path:
    """Two classes in official splits; one test image is a copy of a training image."""
    rng = np.random.default_rng(0)
    folder = tmp_path / "data"
    for part, count in (("train", 12), ("val", 52), ("test", 6)):
        for name in ("healthy", "ill"):
            (folder / part / name).mkdir(parents=True)
            for number in range(count):
                pixels = rng.integers(0, 256, (20, 20), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / part / name / f"{part}_{name}_{number}.png")
    shutil.copy(folder / "train" / "ill" / "train_ill_3.png", folder / "test" / "ill" / "again.png")
    return folder


Sweep = Callable[..., tuple[int, str, str]]


@pytest.fixture
def sweep(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Sweep:
    """The command line: its exit code and what it printed on either stream."""

    def command(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["sweep", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        assert isinstance(ended.value.code, int)
        return (ended.value.code, *capsys.readouterr())

    return command


def test_audit_names_the_leak_and_its_files(leaking: Path, sweep: Sweep) -> None:
    listed = leaking.parent / "files.csv"
    code, out, err = sweep("audit", "--data", leaking, "--image-size", "16", "--files", listed)
    assert code == 1
    files = pd.read_csv(listed)
    leak = files[files["severity"] == "leak"]
    assert leak["file"].tolist() == ["train/train_ill_3.png", "test/again.png"]
    assert "ill: 20 x 20 pixels, 1 channel." in out
    assert "leak" in out
    assert "again.png" in out
    assert "train_ill_3.png" in out
    assert "Traceback" not in out + err


def test_a_run_refuses_and_says_what_to_do(leaking: Path, tmp_path: Path, sweep: Sweep) -> None:
    code, _, err = sweep("run", "quick", "--data", leaking, "--image-size", "16", "--out", tmp_path / "run")
    assert code == 2
    assert "1 image is byte for byte both in train and in test" in " ".join(err.split())
    assert "--allow-leak" in err
    assert not (tmp_path / "run").exists()


def test_a_leak_can_be_allowed(leaking: Path) -> None:
    base = {"data": {"source": str(leaking), "image_size": 16}, "train": {"weights": "none"}}
    with pytest.raises(UserError, match="--allow-leak"):
        prepare(build_config(base))
    inputs = prepare(build_config(base, {"data.allow_leak": True}))
    assert inputs.audit is not None
    assert [finding.check for finding in inputs.audit.leaks] == ["duplicates_across_splits"]
