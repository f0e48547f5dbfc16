"""A card says nothing of where it was made or whose images they were, and shows any name as it is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from huggingface_hub import ModelCard

from balancing.data.images import ImageSet
from sweep.export.card_facts import code
from sweep.export.exporting import Wanted, export_run
from sweep.runs.files import write_json
from sweep.runs.run import Run
from tests.sweep.fake_run import fake_images, fake_run

HOSTILE = (
    "a\n---\nlicense: mit\n# Cured",
    "<img src=x onerror=alert(1)> | b | [c](https://evil.example) `d` *e*",
    "'\"%{}: - &x !!python/object \\ ${7}",
)
HOME = "/home/ada/secret study/lungs"
CARD = Wanted("best", ("card",))


def run_of(folder: Path, images: ImageSet, **more: Any) -> Run:
    """A finished run whose networks were never trained."""
    given: dict[str, Any] = {"techniques": ("baseline", "undersampling"), "lrs": (0.001,), "epochs": 1}
    return fake_run(folder / "run", images, **{**given, "failing": False, "checkpoints": 2, **more})


def card_of(run: Run, folder: Path, wanted: Wanted = CARD) -> str:
    """The card's text."""
    return (export_run(run, folder / "out", wanted, None).folder / "README.md").read_text()


def test_names_of_classes_are_shown_and_set_nothing(tmp_path: Path) -> None:
    text = card_of(run_of(tmp_path, fake_images(tmp_path / "images", HOSTILE)), tmp_path)
    front, body = text.split("---\n")[1:3] if text.count("\n---\n") == 1 else ("", "")
    assert yaml.safe_load(front)["license"] == "other"
    assert "<img" not in text
    assert "](https" not in body.replace("\\]", "")
    for line in body.splitlines():
        assert not line.startswith("# Cured")
        if line.startswith("| train"):
            assert line.replace("\\|", "").count("|") == 3 + len(HOSTILE) + 1
    assert "a --- license: mit \\# Cured" in body  # as text, on its line
    assert ModelCard.load(tmp_path / "out" / "README.md", ignore_metadata_errors=False).data.license == "other"


def test_a_card_names_no_folder_no_file_and_no_patient(tmp_path: Path) -> None:
    images = fake_images(tmp_path / "images", source=HOME)
    named = np.array([f"person{n}_smith.png" for n in range(len(images))])
    images = replace(
        images, kind="local", names=named, patients=np.array([f"patient-{n // 2}" for n in range(len(named))])
    )
    run = run_of(tmp_path, images)
    write_json(run.path / "run.json", {**run.info, "command": f"sweep run quick --data {HOME}"})
    export_run(run, tmp_path / "out", Wanted("best", ("safetensors", "card")), None)
    for name in ("README.md", "config.json"):
        text = (tmp_path / "out" / name).read_text()
        assert not [word for word in ("/home", "/ada", "secret", "smith", "patient-", str(tmp_path)) if word in text], (
            name
        )
    assert "lungs" in (tmp_path / "out" / "README.md").read_text()  # what the data are called
    assert b"smith" not in (tmp_path / "out" / "model.safetensors").read_bytes()


@pytest.mark.parametrize("source", ["lungs: {a: b}\n---", "- x\n- y", "'q\" # c"])
def test_a_data_sets_name_breaks_no_front_matter(tmp_path: Path, source: str) -> None:
    card_of(run_of(tmp_path, fake_images(tmp_path / "images", source=source)), tmp_path)
    read = ModelCard.load(tmp_path / "out" / "README.md", ignore_metadata_errors=False)
    assert read.data.eval_results is not None
    assert read.data.eval_results[0].dataset_name == " ".join(source.split())


def test_patients_that_are_not_known_are_not_counted(tmp_path: Path) -> None:
    images = fake_images(tmp_path / "images")
    text = card_of(run_of(tmp_path, images), tmp_path)
    assert "test images (10 NORMAL, 20 PNEUMONIA), not all of which have a known patient" in text
    known = replace(images, patients=np.array([f"patient-{n // 2}" for n in range(len(images))]))
    (tmp_path / "known").mkdir()
    text = card_of(run_of(tmp_path / "known", known), tmp_path / "known")
    assert "test images (10 NORMAL, 20 PNEUMONIA) of 15 patients" in text


def test_a_name_of_a_record_stays_within_its_code(tmp_path: Path) -> None:
    assert code("a` <img src=x> `\nb") == "`a <img src=x> b`"
    run = run_of(tmp_path, fake_images(tmp_path / "images"))
    write_json(run.path / "run.json", {**run.info, "id": "0`[x](https://evil.example)`"})
    assert "(run `0[x](https://evil.example)`)" in card_of(run, tmp_path)


def test_what_was_decided_after_the_test_was_seen_is_called_so(tmp_path: Path) -> None:
    run = run_of(tmp_path, fake_images(tmp_path / "images"))
    run.update_info(decisions_added=[{"time": "2026-01-01", "techniques": {"baseline+threshold": {}}}])
    run.record_test_opening([spec.trial_id for spec in run.specs()])
    text = card_of(run, tmp_path, Wanted("baseline+threshold", ("card",)))
    assert "its numbers on test are exploratory" in text
    assert "opened the test split 1 more time," in text


def test_a_run_whose_test_split_was_never_opened_has_a_card_without_numbers(tmp_path: Path) -> None:
    text = card_of(run_of(tmp_path, fake_images(tmp_path / "images"), opened=False), tmp_path)
    assert "The test split was not opened" in text
    assert "model-index" not in text


def test_scores_are_called_scores(tmp_path: Path) -> None:
    run = run_of(tmp_path, fake_images(tmp_path / "images"), techniques=("baseline", "deep_auc"))
    text = card_of(run, tmp_path, Wanted("deep_auc", ("card",)))
    assert "no probabilities and carry no prior" in text
    assert "None: scores rank images" in text
    assert "AUROC" in text
    assert "Brier" not in text
    assert "Recall" not in text
