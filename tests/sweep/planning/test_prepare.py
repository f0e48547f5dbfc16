"""What is asked before anything long starts: data, split, positive class, weights, techniques."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from balancing.components.axes import Phase, Stage, TrainingContext
from balancing.components.decorators import schedule
from balancing.errors import UserError
from sweep.config.config import Config, build_config
from sweep.planning import prepare as room
from sweep.planning.prepare import SweepInputs, free_run_folder, prepare, without_impossible
from sweep.planning.resumable import settle_precision
from sweep.runs.split_table import split_fingerprint
from sweep.training.dtype import BFLOAT16_FROM
from tests.balancing.components.registered import keep_registry


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A small image set with splits of its own, in MedMNIST's form: training 40 to 20, the others 60 to 60."""
    return write_source(tmp_path / "set.npz", train=(40, 20))


def write_source(path: Path, train: tuple[int, ...], seed: int = 0) -> Path:
    rng = np.random.default_rng(seed)
    arrays = {}
    for part, counts in (("train", train), ("val", (60,) * len(train)), ("test", (60,) * len(train))):
        labels = np.repeat(np.arange(len(train)), counts)
        arrays[f"{part}_images"] = rng.integers(0, 256, (len(labels), 16, 16), dtype=np.uint8)
        arrays[f"{part}_labels"] = labels[:, None]
    np.savez(path, **arrays)
    return path


def config_for(source: Path | str, **space: Any) -> Config:
    return build_config(
        {"data": {"source": str(source), "image_size": 16}, "space": space, "train": {"weights": "none"}}
    )


def prepared(source: Path, **space: Any) -> SweepInputs:
    return prepare(config_for(source, **space))


def test_what_is_prepared_fits_together(source: Path) -> None:
    config = config_for(source, seeds=2)
    found = prepare(config)
    images, split = found.images, found.split
    assert images.pixels.shape[1:] == (16, 16)
    assert np.bincount(images.labels[split.train]).tolist() == [40, 20]
    rows = np.concatenate([split.train, split.validation, split.test])
    assert sorted(rows) == list(range(len(images)))
    assert found.positive == 1
    assert found.start is None
    assert any("positive class" in note for note in found.notes)
    assert any("alidation" in note for note in found.notes)
    for spec in found.specs(config):
        assert spec.data == images.fingerprint[:16]
        assert spec.split == split_fingerprint(split)
        assert (spec.positive, spec.weights, spec.image_size) == (1, "none", 16)
    assert len(found.specs(config)) == 2 * len(config.space.techniques)


def test_equal_data_gives_equal_trials_and_other_data_others(tmp_path: Path) -> None:
    ids = []
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        path = write_source(tmp_path / f"{name}.npz", (40, 20), seed)
        config = config_for(path)
        ids.append({spec.trial_id for spec in prepare(config).specs(config)})
    assert ids[0] == ids[1]
    assert not ids[0] & ids[2]


def test_the_positive_class_can_be_named(source: Path) -> None:
    config = config_for(source)
    name = prepare(config).images.class_names[0]
    named = build_config(config.model_dump(), {"data.positive": name})
    assert prepare(named).positive == 0
    with pytest.raises(UserError, match="no class is named 'unicorn'"):
        prepare(build_config(config.model_dump(), {"data.positive": "unicorn"}))


def test_more_than_two_classes_have_no_positive_one(tmp_path: Path) -> None:
    found = prepared(write_source(tmp_path / "three.npz", (40, 20, 12)))
    assert found.positive is None
    assert found.images.n_classes == 3


def test_too_few_images_for_a_technique_are_told_before_anything_starts(tmp_path: Path) -> None:
    path = write_source(tmp_path / "few.npz", (40, 5))
    assert prepared(path, techniques=["baseline", "oversampling"]).split.train.size == 45
    with pytest.raises(UserError, match=r"5 training images, but smote with k_neighbors=5 needs at least 6; lower"):
        prepared(path, techniques=["baseline", "smote"])
    fewer = {"smote": {"k_neighbors": 4}}
    assert prepared(path, techniques=["smote"], parameters=fewer).split.train.size == 45


def test_every_draw_of_a_parameter_is_checked(tmp_path: Path) -> None:
    path = write_source(tmp_path / "few.npz", (40, 8))
    assert prepared(path, techniques=["smote"]).split.train.size == 48
    searched = {"techniques": ["smote"], "search_parameters": True, "trials": 30}
    with pytest.raises(UserError, match=r"8 training images, but smote with k_neighbors=[89]"):
        prepared(path, **searched)


def test_weights_are_asked_for_before_images_are_decoded(
    source: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(room, "load_images", lambda *args, **kwargs: pytest.fail("images were decoded"))
    config = build_config(config_for(source).model_dump(), {"train.weights": str(tmp_path / "gone.pt")})
    with pytest.raises(UserError, match=r"gone\.pt"):
        prepare(config)


def test_a_source_that_is_not_there_gives_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"gone\.npz"):
        prepared(tmp_path / "gone.npz")


def test_the_check_reads_training_counts_alone(source: Path) -> None:
    found = prepared(source)
    config = config_for(source)
    without_impossible(config, found.images, found.split)
    few = found.split.train[found.images.labels[found.split.train] == 1][:3]
    major = found.split.train[found.images.labels[found.split.train] == 0]
    from balancing.data.splits import Split

    with pytest.raises(UserError, match="3 training images"):
        without_impossible(
            config, found.images, Split(np.sort(np.append(major, few)), found.split.validation, found.split.test)
        )


def test_a_run_folder_is_always_a_new_one(tmp_path: Path) -> None:
    paths = []
    for _ in range(4):
        path = free_run_folder(tmp_path, "paper")
        assert path.parent == tmp_path
        assert path.name.startswith("paper-")
        assert not path.exists()
        path.mkdir()
        paths.append(path)
    assert len(set(paths)) == 4


def test_images_too_small_for_bfloat16_are_refused_it_and_auto_takes_float32(tmp_path: Path) -> None:
    least = BFLOAT16_FROM
    small = build_config({"data": {"source": "phantom", "image_size": least - 1}, "train": {"precision": "bfloat16"}})
    with pytest.raises(UserError, match=f"at least {least} pixels a side .* but they have {least - 1}; take float32"):
        prepare(small)
    for size, precision in ((least - 1, "float32"), (least, "bfloat16")):
        config = build_config({"data": {"image_size": size}, "train": {"precision": "auto"}})
        run = SimpleNamespace(info={}, update_info=lambda **known: None)
        inputs = SimpleNamespace(in_precision=lambda named: named)
        assert settle_precision(run, config, inputs, lambda: "bfloat16") == precision  # type: ignore[arg-type, comparison-overlap]


def test_a_last_stage_without_a_step_is_refused_before_anything_is_made(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_registry(monkeypatch)

    @schedule(label="Late", reference="here")
    def late(context: TrainingContext) -> Any:
        """A last tenth."""
        return Stage(0.9, Phase(weighted=False), kept=False), Stage(0.1)

    found = prepared(source, techniques=["baseline"])
    for batch_size, refused in ((32, True), (4, False)):  # 60 images: 2 or 15 steps
        config = config_for(source, techniques=["late"], epochs=2, batch_size=batch_size)
        if refused:
            with pytest.raises(UserError, match=r"last stage of 'late' is 0.1 of all steps, but 2 epochs of 2 leave"):
                without_impossible(config, found.images, found.split)
        else:
            without_impossible(config, found.images, found.split)


def test_a_small_stem_takes_no_pretrained_weights(source: Path) -> None:
    config = build_config({"data": {"source": str(source)}, "train": {"stem": "small"}})
    with pytest.raises(UserError, match="train.stem=small has no pretrained weights, but --weights is imagenet"):
        prepare(config)


def test_what_a_group_stands_for_leaves_out_what_the_data_rule_out_and_a_name_does_not(tmp_path: Path) -> None:
    three = write_source(tmp_path / "three.npz", (30, 20, 25))
    (tmp_path / "mine.txt").write_text("optimizers\nall # groups\n")
    binary = prepared(three, techniques=[f"@{tmp_path / 'mine.txt'}"])
    assert binary.config is not None
    assert "deep_auc" not in binary.config.space.techniques
    (said,) = [note for note in binary.notes if "left out" in note]
    assert "deep_auc (loss 'aucm' works with two classes alone, but there are 3)" in said
    assert {spec.technique for spec in binary.specs(binary.config)} <= set(binary.config.space.techniques)
    again = build_config(binary.config.model_dump())  # as a resume reads it: names alone
    assert again.space.techniques == binary.config.space.techniques
    assert again.space.of_groups == ()
    for asked in (["all", "deep_auc"], ["deep_auc+threshold", "all"], ["deep_auc"]):
        with pytest.raises(UserError, match="loss 'aucm' works with two classes alone, but there are 3; leave it out"):
            prepared(three, techniques=asked)


def test_a_technique_that_needs_more_images_is_refused_with_the_whole_option_or_left_out(tmp_path: Path) -> None:
    few = write_source(tmp_path / "few.npz", (60, 5))
    option = "space.parameters.smote+focal.smote.k_neighbors=4"
    with pytest.raises(UserError, match=re.escape(f"(--set {option})") + r".*--skip-infeasible"):
        prepared(few, techniques=["baseline", "smote+focal"])
    assert prepared(few, techniques=["smote+focal"], parameters={"smote+focal": {"smote.k_neighbors": 4}}).specs
    found = prepared(few, techniques=["baseline", "smote+focal", "smote"], skip_infeasible=True)
    assert found.config is not None
    assert found.config.space.techniques == ["baseline"]
    (said,) = [note for note in found.notes if "left out" in note]
    assert "smote+focal (class 1 has 5 training images" in said
    with pytest.raises(UserError, match="these data rule out every technique that was asked for: smote"):
        prepared(few, techniques=["smote"], skip_infeasible=True)


def test_doubt_about_the_positive_class_is_told_before_anything_is_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from balancing.data import ingest

    monkeypatch.setattr(ingest, "decode_all", lambda *_: pytest.fail("images were decoded"))
    rare_zero = write_source(tmp_path / "odd.npz", (10, 30))
    with pytest.raises(UserError, match="0 is the rarer one; name it with --positive 0"):
        prepared(rare_zero, techniques=["baseline"])
