"""A user's mistakes at the command line: one sentence, exit code 2, no traceback, nothing started, nothing lost."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from PIL import Image

import sweep.cli.main

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


class Ended(NamedTuple):
    code: int
    error: str


@pytest.fixture
def mistaken(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Callable[..., Ended]:
    """Calls the command line with a mistake in it; fails where Ray would have been started."""
    monkeypatch.setenv("BALANCING_ACT_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)

    def call(*arguments: object) -> Ended:
        monkeypatch.setattr("sys.argv", ["sweep", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            sweep.cli.main.main()
        printed = capsys.readouterr()
        assert "Traceback" not in printed.err + printed.out
        assert not list(tmp_path.glob("runs/*")), "a run folder was made before the mistake was found"
        return Ended(int(ended.value.code or 0), printed.err)

    return call


def folder(root: Path, counts: dict[str, int], size: int = 20) -> Path:
    """An image folder CLASS/*.png of noise."""
    rng = np.random.default_rng(0)
    for name, count in counts.items():
        (root / name).mkdir(parents=True)
        for i in range(count):
            Image.fromarray(rng.integers(0, 256, (size, size), dtype=np.uint8)).save(root / name / f"{name}{i}.png")
    return root


DEMO = ("run", "demo")
SENTENCES: list[tuple[tuple[str, ...], str]] = [
    (("run", "demmo"), "unknown preset 'demmo'; did you mean 'demo'?"),
    (("run", "missing.yaml"), "there is no configuration file missing.yaml"),
    (
        (*DEMO, "--techniques", "bordeline_smote"),
        "unknown technique 'bordeline_smote'; did you mean 'borderline_smote'?",
    ),
    ((*DEMO, "--set", "space.learning_rate=1"), "unknown key 'space.learning_rate'"),
    ((*DEMO, "--set", "lr=1"), "unknown key 'lr'; did you mean 'space.lr'?"),
    ((*DEMO, "--set", "space.lr"), "--set takes key=value"),
    ((*DEMO, "--lr", "1e-2..1e-4"), "the range 0.01..0.0001 is empty; write the smaller number first"),
    ((*DEMO, "--lr", "fast"), "'fast' is not a number"),
    ((*DEMO, "--lr", "0..1"), "a learning rate must be above 0"),
    ((*DEMO, "--epochs", "0"), "space.epochs must be at least 1"),
    ((*DEMO, "--strength", "2"), "space.strength must be at least 0 and at most 1, but is 2"),
    ((*DEMO, "--metric", "accuracy"), "unknown metric 'accuracy'; did you mean 'balanced_accuracy'?"),
    ((*DEMO, "--scheduler", "ash"), "sweep.scheduler"),
    (
        (*DEMO, "--set", "sweep.tensorboard=maybe"),
        "error: sweep.tensorboard must be true, false or 'auto', but is 'maybe'\n",
    ),
    (
        (*DEMO, "--set", "sweep.until_decided=maybe"),
        "error: sweep.until_decided must be true or false, but is 'maybe'\n",
    ),
    ((*DEMO, "--set", "train.optimizer=x"), "error: train.optimizer must be 'adam', 'adamw' or 'sgd', but is 'x'\n"),
    ((*DEMO, "--set", "sweep.retries=1.5"), "error: sweep.retries must be a whole number, but is 1.5\n"),
    ((*DEMO, "--set", "report.margin=wide"), "error: report.margin must be a number, but is 'wide'\n"),
    ((*DEMO, "--set", "space.techniques=5"), "error: space.techniques must be a list, but is 5\n"),
    ((*DEMO, "--set", "data.merge={a: 1}"), "a merge names a class or a list of classes, but got 1"),
    (
        (*DEMO, "--techniques", "focal,smote", "--confirm", "4", "--until-decided"),
        "sweep.until_decided judges techniques against the baseline, but there is none",
    ),
    ((*DEMO, "--search", "optuna"), "search 'optuna' needs a range to search"),
    ((*DEMO, "--data", "/no/such/place"), "no such path: /no/such/place"),
    ((*DEMO, "--weights", "no.pt"), "neither 'imagenet', 'none', nor a file"),
    ((*DEMO, "--positive", "tumour"), "tumour"),
    ((*DEMO, "--set", "space.parameters.smote.k_neighbours=3"), "did you mean 'k_neighbors'?"),
    ((*DEMO, "--set", "space.parameters.smote.k_neighbors=0"), "smote.k_neighbors must lie in"),
    (("resume", "nowhere"), "nowhere is not a run folder"),
    (("report", "nowhere"), "nowhere is not a run folder"),
    (("predict", "nowhere", "x.png"), "nowhere is not a run folder"),
]


@pytest.mark.parametrize(
    ("arguments", "sentence"), SENTENCES, ids=lambda value: " ".join(value)[:60] if isinstance(value, tuple) else ""
)
def test_mistakes_in_words(mistaken: Callable[..., Ended], arguments: tuple[str, ...], sentence: str) -> None:
    code, error = mistaken(*arguments)
    assert code == 2
    assert error.startswith("error: ")
    assert sentence in error


def test_the_hub_is_out_of_reach(mistaken: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    code, error = mistaken(*DEMO, "--data", "nobody/nothing")
    assert code == 2
    assert "nobody/nothing" in error
    assert "give the folder" in error


def test_no_such_column(mistaken: Callable[..., Ended], tmp_path: Path) -> None:
    import pandas as pd

    pd.DataFrame({"picture": [b"x"] * 4, "finding": ["a", "b"] * 2}).to_parquet(tmp_path / "train.parquet")
    code, error = mistaken(*DEMO, "--data", tmp_path / "train.parquet", "--label-column", "label")
    assert code == 2
    assert "'label'" in error
    assert "finding" in error


def test_one_class_only(mistaken: Callable[..., Ended], tmp_path: Path) -> None:
    code, error = mistaken(*DEMO, "--data", folder(tmp_path / "images", {"cat": 30}))
    assert code == 2
    assert "cat" in error


def test_a_broken_image_is_named_and_skip_bad_is_offered(mistaken: Callable[..., Ended], tmp_path: Path) -> None:
    images = folder(tmp_path / "images", {"cat": 30, "dog": 30})
    (images / "cat" / "cat7.png").write_bytes(b"")
    (images / "dog" / "dog9.png").write_bytes((images / "dog" / "dog8.png").read_bytes()[:60])
    code, error = mistaken(*DEMO, "--data", images, "--positive", "cat")
    assert code == 2
    for words in ("cat7.png", "dog9.png", "--skip-bad", "2 of 60"):
        assert words in error


def test_fewer_minority_images_than_neighbours(mistaken: Callable[..., Ended], tmp_path: Path) -> None:
    images = folder(tmp_path / "images", {"normal": 80, "tumour": 8})
    code, error = mistaken(
        *DEMO, "--data", images, "--techniques", "smote", "--set", "space.parameters.smote.k_neighbors=9"
    )
    assert code == 2
    assert "tumour" in error
    assert "k_neighbors=9 needs at least 10" in error


def test_the_out_folder_holds_something(mistaken: Callable[..., Ended], tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "run.json").write_text("{}")
    code, error = mistaken(*DEMO, "--out", out)
    assert code == 2
    assert f"holds another run; go on with it by `sweep resume {out}`" in error
    assert (out / "run.json").read_text() == "{}"
    (out / "run.json").rename(out / "thesis.tex")
    code, error = mistaken(*DEMO, "--out", out)
    assert code == 2
    assert "is not empty" in error
    assert (out / "thesis.tex").read_text() == "{}"


def test_a_checkpoint_of_another_model(mistaken: Callable[..., Ended], tmp_path: Path) -> None:
    torch.save({"conv1.weight": torch.zeros(8, 3, 3, 3)}, tmp_path / "other.pt")
    code, error = mistaken(*DEMO, "--weights", tmp_path / "other.pt")
    assert code == 2
    assert "is of another model: conv1.weight is (8, 3, 3, 3), not (64, 3, 7, 7)" in error


def test_no_room_for_the_cache(mistaken: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch) -> None:
    usage: Any = shutil.disk_usage("/")
    monkeypatch.setattr(
        shutil, "disk_usage", lambda path: usage._replace(free=1000 if Path(path).name == "cache" else 10**12)
    )
    code, error = mistaken(*DEMO)
    assert code == 2
    assert "BALANCING_ACT_CACHE" in error


def test_no_ray_at_the_address(mistaken: Callable[..., Ended], tmp_path: Path) -> None:
    code, error = mistaken(
        *DEMO, "--out", tmp_path / "out", "--address", "127.0.0.1:1", "--set", "data.phantom_images=300"
    )
    assert code == 2
    assert "no Ray cluster answers at --address 127.0.0.1:1" in error


LONG = "x" * 5000


@pytest.mark.parametrize(
    "arguments",
    [
        ("audit", "demo", "--data", LONG),
        (*DEMO, "--weights", LONG),
        (*DEMO, "--out", LONG),
        (*DEMO, "--weights", "none", "--set", f"report.masks={LONG}"),
        ("report", LONG),
        ("resume", LONG),
        ("compare", LONG, LONG),
        ("predict", LONG, "a.png"),
        ("run", LONG),
        ("run", f"{LONG}.yaml"),
        (*DEMO, "--set", LONG),
        (*DEMO, "--lr", LONG),
    ],
    ids=lambda arguments: " ".join(word[:20] for word in arguments),
)
def test_endless_names_give_a_short_sentence(mistaken: Callable[..., Ended], arguments: tuple[str, ...]) -> None:
    code, error = mistaken(*arguments, *(("--set", "data.phantom_images=300") if arguments[:2] == DEMO else ()))
    assert code == 2
    assert error.startswith("error: ")
    assert len(error) < 1000
