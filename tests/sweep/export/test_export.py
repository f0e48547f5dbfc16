"""An export of a run that was trained: whole or not there, checked, and its card tells the run's own numbers."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from huggingface_hub import ModelCard

import sweep
import sweep.export.graph as graph
from balancing.components.decisions.bcts import removed_prior
from balancing.errors import UserError
from sweep.analysis.decisions.ledger import ledger_table
from sweep.analysis.decisions.reliability import staged
from sweep.export import load
from sweep.export.check import check
from sweep.export.exporting import Made, Wanted, export_run
from sweep.export.folder import FILES, check_out, write_export
from sweep.inference.deployed import deployed
from sweep.inference.tested import test_row as row_of_test
from tests.sweep.inference.small import Small, own_run, small_run

LIGHT = ("safetensors", "card")


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Small:
    return small_run(tmp_path_factory.mktemp("export"), "whole", ("threshold", "bcts"))


@pytest.fixture(scope="module")
def whole(small: Small, tmp_path_factory: pytest.TempPathFactory) -> Made:
    out = tmp_path_factory.mktemp("made") / "out"
    return export_run(small.run, out, Wanted("ensemble:baseline+threshold"), small.images)


def test_the_folder_holds_its_four_files_and_nothing_is_left_beside_it(whole: Made) -> None:
    assert sorted(path.name for path in whole.folder.iterdir()) == sorted(FILES)
    assert [path.name for path in whole.folder.parent.iterdir()] == ["out"]
    assert {name: (whole.folder / name).stat().st_size for name in FILES} == whole.sizes


def test_the_graph_was_held_against_pytorch_and_the_records_on_test_images(whole: Made) -> None:
    checked = whole.checked
    assert checked is not None
    assert checked.on == "test"
    assert checked.of_records is not None
    assert checked.of_torch.largest < 1e-5
    assert checked.of_records.largest < 1e-5  # trained in float32
    text = (whole.folder / "README.md").read_text()
    assert f"probabilities differ by at most {checked.of_torch.largest:.2g}" in text


def test_the_weights_read_back_answer_the_very_same(whole: Made, small: Small) -> None:
    network = load(whole.folder)
    pixels = small.images.pixels[:5]
    with torch.inference_mode():
        found = network(network.input_of(pixels)).numpy()
    assert (found == whole.deployed.logits(pixels)).all()
    assert network.config["label2id"] == {name: n for n, name in enumerate(small.images.class_names)}
    rule = network.config["answers"]["rule"]
    assert rule["threshold"] == pytest.approx(whole.deployed.rule.threshold if whole.deployed.rule else None)


def test_the_card_has_the_hubs_form_and_the_test_rows_numbers(whole: Made, small: Small) -> None:
    read = ModelCard.load(whole.folder / "README.md", ignore_metadata_errors=False)
    row = row_of_test(small.run, "ensemble:baseline+threshold")
    assert read.data.pipeline_tag == "image-classification"
    assert read.data.eval_results is not None
    told = {one.metric_type: one for one in read.data.eval_results}
    for name, kind in (("recall", "recall"), ("balanced_accuracy", "balanced_accuracy"), ("auroc", "roc_auc")):
        one = row.metrics[name]
        assert told[kind].metric_value == one.value
        assert f"95 % interval {one.low:.3f} to {one.high:.3f}" in str(told[kind].metric_name)
        assert f"{one.value:.3f} ({one.low:.3f} to {one.high:.3f})" in read.text
    assert read.text.count("not for diagnosis") >= 1
    assert "the mean of their probabilities" in read.text
    assert "session = onnxruntime.InferenceSession" in read.text


def test_the_cards_other_numbers_are_those_of_the_reports_tables(tmp_path: Path, small: Small) -> None:
    made = export_run(small.run, tmp_path / "one", Wanted("undersampling", LIGHT), None)
    ledger = ledger_table(small.results, np.random.default_rng(0)).set_index("technique")
    assert made.numbers.designed == ledger.loc["undersampling", "designed"] == 1
    (own,) = [trial for trial in small.results.predictions if trial.trial_id == made.deployed.trial_ids[0]]
    positive = small.results.positive
    for stage, probabilities in staged(own)[0].items():
        brier = ((probabilities[:, positive] - (own.labels == positive)) ** 2).mean()
        assert made.numbers.calibration[stage]["brier"].value == pytest.approx(brier)
    measured = removed_prior(own.validation.logits, own.validation.labels, _split_prior(small))
    assert made.numbers.measured.value == pytest.approx(measured)
    assert made.numbers.prior == pytest.approx([0.5, 0.5])


def _split_prior(small: Small) -> np.ndarray:
    counts = np.array(small.results.class_counts("train"))
    return counts / counts.sum()


def test_the_temperature_of_the_card_is_the_one_that_answers(whole: Made) -> None:
    assert whole.deployed.calibration is not None
    content = (whole.folder / "README.md").read_text()
    assert f"softmax(log(p) / {whole.deployed.calibration.temperature:.3f})" in content


def test_an_export_that_answers_otherwise_is_refused_and_nothing_is_written(
    small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(graph, "pixels_text", lambda *a, own=graph.pixels_text: own(a[0], 0.4, *a[2:]))
    with pytest.raises(UserError, match="answers otherwise than PyTorch"):
        export_run(small.run, tmp_path / "out", Wanted("baseline", ("onnx",)), small.images)
    assert not any(tmp_path.iterdir())


def test_a_network_that_answers_otherwise_than_recorded_is_refused(small: Small, tmp_path: Path, whole: Made) -> None:
    content, run = (whole.folder / "model.onnx").read_bytes(), own_run(small.run, tmp_path)
    for trial_id in whole.deployed.trial_ids:
        path = run.trial(trial_id).path / "test.parquet"
        table = pd.read_parquet(path)
        table[["p_0", "p_1"]] = table[["p_1", "p_0"]].to_numpy()
        table.to_parquet(path)
    with pytest.raises(UserError, match="answer otherwise than it recorded"):
        check(content, replace(whole.deployed, run=run.path), small.images)
    found = deployed(run, "ensemble:baseline+threshold")
    for network in found.networks:
        with torch.no_grad():
            network.get_parameter("fc.bias").add_(torch.tensor([1.0, -1.0]))
    with pytest.raises(UserError, match="otherwise than PyTorch"):
        check(content, found, small.images)


def test_without_its_images_it_is_checked_on_noise_and_says_so(small: Small, tmp_path: Path) -> None:
    made = export_run(small.run, tmp_path / "out", Wanted("baseline", ("onnx", "card")), None)
    assert made.checked is not None
    assert made.checked.on == "noise"
    text = (made.folder / "README.md").read_text()
    assert "images of noise (the run's own were not at hand)" in text
    assert "load(" not in text  # there are no safetensors
    with pytest.raises(UserError, match=r"holds no model\.safetensors"):
        load(made.folder)


def test_an_untested_run_is_exported_without_numbers(small: Small, tmp_path: Path) -> None:
    run = own_run(small.run, tmp_path)
    for path in run.path.glob("trials/*/test.parquet"):
        path.unlink()
    made = export_run(run, tmp_path / "out", Wanted("best", LIGHT), None)
    card = ModelCard.load(made.folder / "README.md")
    assert card.data.eval_results is None
    assert "The test split was not opened" in card.text


@pytest.mark.parametrize("what", ["best", "ensemble"])
def test_heads_behind_one_body_are_read_back_with_one_body(tmp_path: Path, what: str) -> None:
    small = small_run(tmp_path, "frozen")
    made = export_run(small.run, tmp_path / "out", Wanted(what, LIGHT), small.images)
    network = load(made.folder)
    pixels = small.images.pixels[:3]
    with torch.inference_mode():
        assert (network(network.input_of(pixels)).numpy() == made.deployed.logits(pixels)).all()
    assert network.one_body
    assert "did not train" in (made.folder / "README.md").read_text()


def test_three_classes_have_a_card_too(tmp_path: Path) -> None:
    small = small_run(tmp_path, "three classes")
    made = export_run(small.run, tmp_path / "out", Wanted("best", LIGHT), None)
    text = (made.folder / "README.md").read_text()
    assert "means over the classes" in text
    assert "the most probable class" in text


class TestWhereItGoes:
    def test_it_replaces_an_export_alone_and_only_when_told(self, small: Small, tmp_path: Path) -> None:
        out, wanted = tmp_path / "out", Wanted("baseline", ("card",))
        export_run(small.run, out, wanted, None)
        with pytest.raises(UserError, match="is not empty.*--force"):
            export_run(small.run, out, wanted, None)
        (out / "README.md").write_text("old")
        export_run(small.run, out, wanted, None, force=True)
        assert "Research" in (out / "README.md").read_text()
        (out / "thesis.tex").write_text("years of work")
        with pytest.raises(UserError, match="holds 'thesis.tex'"):
            export_run(small.run, out, wanted, None, force=True)
        assert (out / "thesis.tex").exists()

    def test_nothing_is_put_through_a_link_into_the_run_or_over_a_file(self, small: Small, tmp_path: Path) -> None:
        (tmp_path / "real").mkdir()
        (tmp_path / "link").symlink_to(tmp_path / "real")
        (tmp_path / "file").write_text("mine")
        (tmp_path / "run").symlink_to(small.run.path)
        for out, why in (
            (tmp_path / "link", "is a link"),
            (tmp_path / "file", "is a file"),
            (small.run.path / "export", "lies in the run's own folder"),
            (tmp_path / "run" / "trials" / "x", "lies in the run's own folder"),
        ):
            with pytest.raises(UserError, match=why):
                export_run(small.run, out, Wanted("baseline", ("card",)), None, force=True)
        assert not any((tmp_path / "real").iterdir())

    @pytest.mark.parametrize("out", [".", "new/..", "../here"])
    def test_the_folder_that_one_is_in_is_not_replaced(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, out: str
    ) -> None:
        (tmp_path / "here").mkdir()
        monkeypatch.chdir(tmp_path / "here")
        with pytest.raises(UserError, match="a folder that you are in"):
            check_out(Path(out), tmp_path / "run", force=True)

    @pytest.mark.parametrize("fails_at", ["writing", "moving"])
    def test_what_fails_half_way_leaves_the_old_one(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails_at: str
    ) -> None:
        out = tmp_path / "out"
        write_export(out, {"README.md": b"old"})
        move = os.replace

        def moved(source: Path, target: Path) -> None:
            content = Path(source) / "README.md"
            if fails_at == "moving" and content.is_file() and content.read_bytes() == b"new":
                raise OSError(28, "No space left on device")
            move(source, target)

        def written(path: Path, content: bytes) -> None:
            if fails_at == "writing":
                raise OSError(28, "No space left on device")
            path.write_bytes(content)

        monkeypatch.setattr("sweep.export.folder.os.replace", moved)
        monkeypatch.setattr("sweep.export.folder.write_atomically", written)
        with pytest.raises(OSError, match="No space"):
            write_export(out, {"README.md": b"new"})
        assert [path.name for path in tmp_path.iterdir()] == ["out"]
        assert (out / "README.md").read_bytes() == b"old"


@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        (Wanted("bass line"), "no chosen trial of technique 'bass line'"),
        (Wanted("ensemble:"), "is none of best, TECHNIQUE"),
        (Wanted(formats=("onx",)), "did you mean 'onnx'"),
        (Wanted(formats=()), "names none"),
        (Wanted(opset=7), "18 to 23"),
        (Wanted(license="my own\nlicense: mit"), "--license is a name"),
    ],
)
def test_a_wish_that_cannot_be_is_one_sentence(small: Small, tmp_path: Path, wanted: Wanted, why: str) -> None:
    with pytest.raises(UserError, match=why):
        wanted.before(small.run, tmp_path / "out")


def test_a_missing_extra_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "safetensors", None)
    with pytest.raises(UserError, match=r"pip install 'balancing-act\[export\]'"):
        Wanted(formats=("safetensors",)).check()


def test_a_damaged_export_is_one_sentence(small: Small, tmp_path: Path) -> None:
    made = export_run(small.run, tmp_path / "out", Wanted("baseline", LIGHT), None)
    config = json.loads((made.folder / "config.json").read_text())
    for changed, why in (
        ({**config, "format": "other"}, "is not of an export"),
        ({**config, "networks": {"": {"architecture": "densenet121"}}}, "not of the network in"),
        ({**config, "networks": {"": {"architecture": "os.system"}}}, "not of the network in"),
        ({**config, "networks": {}}, "not of the network in"),
    ):
        (made.folder / "config.json").write_text(json.dumps(changed))
        with pytest.raises(UserError, match=why):
            load(made.folder)
    (made.folder / "config.json").write_text(json.dumps(config))
    content = (made.folder / "model.safetensors").read_bytes()
    (made.folder / "model.safetensors").write_bytes(content[: len(content) // 2])
    with pytest.raises(UserError, match="damaged"):
        load(made.folder)


def test_a_program_exports_by_its_run(small: Small, tmp_path: Path) -> None:
    opened = sweep.open_run(small.run.path)
    out = opened.export(tmp_path / "out", "baseline", formats=["card"], license="mit")
    assert ModelCard.load(out / "README.md").data.license == "mit"
    with pytest.raises(UserError, match="no setting 'opsett'"):
        opened.export(tmp_path / "other", opsett=18)
