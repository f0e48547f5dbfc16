"""Event files, read back with TensorBoard's own reader."""

from __future__ import annotations

import io
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData
from tensorboard.util.tensor_util import make_ndarray

from balancing.metrics import COUNTS, SELECTABLE, decide, evaluate, told
from sweep.runs.events import SafeEvents, TrialEvents, confusion_figure
from sweep.runs.spec import TrialSpec
from sweep.runs.trial_folder import TrialFolder

NAMES = ("NORMAL", "PNEUMONIA", "OTHER")


def predictions(n_classes: int = 2) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return np.arange(30) % n_classes, rng.dirichlet(np.ones(n_classes), size=30)


def numbers(epoch: int, n_classes: int = 2, **other: Any) -> dict[str, Any]:
    found = evaluate(*predictions(n_classes), 1 if n_classes == 2 else None)
    speed = {"images_per_second": 10.0 * epoch, "seconds": 1.0}
    return {"epoch": epoch, **found, "train_loss": 1 / epoch, **speed, **other}


def read(folder: Path) -> EventAccumulator:
    found = EventAccumulator(str(folder), size_guidance={"tensors": 0, "images": 0, "scalars": 0})
    return found.Reload()


def finished(folder: Path, spec: TrialSpec, n_classes: int = 2) -> EventAccumulator:
    events = TrialEvents(folder)
    events.epoch(numbers(1, n_classes))
    events.epoch(numbers(2, n_classes))
    events.finish(spec, numbers(2, n_classes), *predictions(n_classes), NAMES[:n_classes])
    events.close()
    return read(folder)


def test_scalars_have_plain_names_and_the_epochs_values(tmp_path: Path) -> None:
    events = TrialEvents(tmp_path)
    for epoch in (1, 2, 3):
        events.epoch(numbers(epoch))
    events.close()
    found = read(tmp_path)
    wanted = {f"validation/{name}" for name in ("loss", *SELECTABLE, *COUNTS)}
    assert set(found.Tags()["scalars"]) == wanted | {"train/loss", "speed/images_per_second"}
    assert [(s.step, s.value) for s in found.Scalars("train/loss")] == [(e, pytest.approx(1 / e)) for e in (1, 2, 3)]
    for name in ("loss", *SELECTABLE, *COUNTS):
        values = [(s.step, s.value) for s in found.Scalars(f"validation/{name}")]
        assert values == [(epoch, pytest.approx(numbers(epoch)[name])) for epoch in (1, 2, 3)]


def test_an_epoch_can_be_read_before_the_trial_has_ended(tmp_path: Path) -> None:
    events = TrialEvents(tmp_path)
    events.epoch(numbers(1))
    assert [s.step for s in read(tmp_path).Scalars("validation/recall")] == [1]
    events.close()


def test_a_number_that_could_not_be_measured_is_left_out(tmp_path: Path) -> None:
    events = TrialEvents(tmp_path)
    events.epoch(numbers(1, auroc=float("nan")))
    spec = TrialSpec("baseline", 0.01, 1, 0)
    events.finish(spec, numbers(1, auroc=float("nan")), *predictions(), NAMES[:2])
    events.close()
    tags = set(read(tmp_path).Tags()["scalars"])
    assert {"validation/recall", "best/recall"} <= tags
    assert not {"validation/auroc", "best/auroc"} & tags


def test_hyperparameters_are_there_with_the_best_epochs_metrics(tmp_path: Path) -> None:
    spec = TrialSpec("smote", 0.01, 2, 7, {"k_neighbors": 5, "sampling_strategy": 0.5}, strength=0.25, batch_size=16)
    found = finished(tmp_path, spec)
    content = found.PluginTagToContent("hparams")
    start = HParamsPluginData.FromString(content["_hparams_/session_start_info"]).session_start_info
    values = {name: getattr(value, value.WhichOneof("kind")) for name, value in start.hparams.items()}
    assert values == {
        "technique": "smote",
        "smote.k_neighbors": 5,
        "smote.sampling_strategy": 0.5,
        "lr": 0.01,
        "epochs": 2,
        "strength": 0.25,
        "batch_size": 16,
        "seed": 7,
        "weights": "none",
        "precision": "float32",
    }
    experiment = HParamsPluginData.FromString(content["_hparams_/experiment"]).experiment
    assert {info.name.tag for info in experiment.metric_infos} == {f"best/{name}" for name in SELECTABLE}
    for name in SELECTABLE:
        (best,) = found.Scalars(f"best/{name}")
        assert (best.step, best.value) == (2, pytest.approx(numbers(2)[name]))


@pytest.mark.parametrize("n_classes", [2, 3])
def test_the_confusion_matrix_is_a_picture(tmp_path: Path, n_classes: int) -> None:
    found = finished(tmp_path, TrialSpec("baseline", 0.01, 2, 0, positive=1 if n_classes == 2 else None), n_classes)
    (image,) = found.Images("validation/confusion_matrix")
    assert image.step == 2
    pixels = np.asarray(Image.open(io.BytesIO(image.encoded_image_string)).convert("L"))
    assert pixels.shape == (image.height, image.width)
    assert min(pixels.shape) > 100
    assert pixels.std() > 0


def test_the_confusion_figure_shows_the_counts_in_their_cells() -> None:
    labels, decisions = np.array([0, 0, 0, 1, 1]), np.array([0, 0, 1, 1, 0])
    (axes,) = confusion_figure(labels, decisions, NAMES[:2]).axes
    cells = {text.get_position(): text.get_text() for text in axes.texts}
    assert cells == {(0, 0): "2", (1, 0): "1", (0, 1): "1", (1, 1): "1"}  # (decided, true)
    assert [label.get_text() for label in axes.get_yticklabels()] == list(NAMES[:2])


@pytest.mark.parametrize(("n_classes", "positive"), [(2, 1), (2, 0), (3, None)])
def test_precision_recall_curves_count_what_lies_above_each_threshold(
    tmp_path: Path, n_classes: int, positive: int | None
) -> None:
    found = finished(tmp_path, TrialSpec("baseline", 0.01, 2, 0, positive=positive), n_classes)
    labels, probabilities = predictions(n_classes)
    classes = range(n_classes) if positive is None else [positive]
    tags = {f"validation/precision_recall/{NAMES[label]}": label for label in classes}
    assert set(found.PluginTagToContent("pr_curves")) == set(tags)
    for tag, label in tags.items():
        (event,) = found.Tensors(tag)
        curve = make_ndarray(event.tensor_proto)
        thresholds = np.arange(curve.shape[1]) / (curve.shape[1] - 1)
        above = probabilities[:, label][:, None] >= thresholds
        np.testing.assert_array_equal(curve[0], (above & (labels == label)[:, None]).sum(axis=0))
        np.testing.assert_array_equal(curve[1], (above & (labels != label)[:, None]).sum(axis=0))


@pytest.mark.parametrize("again_from", [1, 2, 3])
def test_what_an_interrupted_attempt_wrote_too_much_is_taken_back(
    tmp_path: Path, again_from: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = TrialEvents(tmp_path)
    for epoch in (1, 2, 3):
        first.epoch(numbers(epoch, train_loss=100.0 + epoch))
    first.close()
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + 60)  # files are read in the order of their seconds
    second = TrialEvents(tmp_path, first_epoch=again_from)
    for epoch in range(again_from, 5):
        second.epoch(numbers(epoch, train_loss=200.0 + epoch))
    second.close()
    found = [(s.step, s.value) for s in read(tmp_path).Scalars("train/loss")]
    assert found == [(e, (100.0 if e < again_from else 200.0) + e) for e in (1, 2, 3, 4)]


def test_the_decisions_shown_are_those_that_were_measured() -> None:
    labels, probabilities = predictions()
    (axes,) = confusion_figure(labels, decide(probabilities), NAMES[:2]).axes
    cells = {text.get_position(): int(text.get_text()) for text in axes.texts}
    found = evaluate(labels, probabilities, 1)
    assert (cells[1, 1], cells[0, 0], cells[1, 0], cells[0, 1]) == tuple(found[n] for n in ("tp", "tn", "fp", "fn"))


# --- what watches must not decide ---------------------------------------------------------------------------------


def broken(*given: Any, **more: Any) -> None:
    raise MemoryError("std::bad_alloc")


@pytest.mark.parametrize("where", ["__init__", "epoch", "finish", "close"])
def test_events_that_fail_are_no_failure_of_the_trial(
    where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = TrialEvents.close

    def closed_and_broken(events: TrialEvents) -> None:
        real(events)
        broken()

    monkeypatch.setattr(TrialEvents, where, closed_and_broken if where == "close" else broken)
    folder = TrialFolder(tmp_path / "trial")
    labels, probabilities = predictions()
    folder.write_predictions("validation", np.arange(30), labels, probabilities)
    folder.write_epochs([numbers(1)])
    folder.write_status("done", best_epoch=1)
    events = SafeEvents(tmp_path / "events")
    events.epoch(numbers(1))
    events.finish_trial(TrialSpec("baseline", 0.01, 1, 0), folder, NAMES[:2])
    events.close()
    assert events.error == "MemoryError: std::bad_alloc"


def test_events_of_a_damaged_trial_are_no_failure_either(tmp_path: Path) -> None:
    folder = TrialFolder(tmp_path / "trial")
    folder.write_epochs([numbers(1)])
    folder.write_status("done", best_epoch=1)
    (folder.path / "validation.parquet").write_bytes(b"")
    events = SafeEvents(tmp_path / "events")
    events.epoch(numbers(1))
    events.finish_trial(TrialSpec("baseline", 0.01, 1, 0), folder, NAMES[:2])
    assert "validation.parquet is damaged" in events.error


@pytest.mark.parametrize("n_classes", [21, 150, 1400])
def test_the_matrix_of_many_classes_is_bounded(n_classes: int) -> None:
    labels = np.arange(2 * n_classes) % n_classes
    figure = confusion_figure(labels, labels[::-1], [f"class {i}" for i in range(n_classes)])
    assert max(figure.get_size_inches()) <= 12
    (axes,) = figure.axes
    assert len(axes.texts) == 0
    shown = axes.images[0].get_array()
    assert shown.shape == (n_classes, n_classes)
    np.testing.assert_allclose(shown.sum(axis=1), 1)
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=50)


def test_of_many_classes_the_rarest_have_curves(tmp_path: Path) -> None:
    n_classes = 40
    labels = np.repeat(np.arange(n_classes), np.arange(n_classes, 0, -1))  # the last class is the rarest
    probabilities = np.full((len(labels), n_classes), 1 / n_classes)
    events = TrialEvents(tmp_path)
    names = [f"class {i}" for i in range(n_classes)]
    events.finish(TrialSpec("baseline", 0.01, 1, 0, positive=None), numbers(1, 3), labels, probabilities, names)
    events.close()
    curves = {tag.rpartition("/")[2] for tag in read(tmp_path).Tags()["tensors"] if "precision_recall" in tag}
    assert curves == set(names[-20:])


@pytest.mark.parametrize("recorded", [False, True])
def test_scores_that_rank_alone_have_no_confusion_matrix(tmp_path: Path, recorded: bool) -> None:
    ranks = told(numbers(1), "scores") | {"epoch": 1, "train_loss": 1.0, "images_per_second": 10.0}
    events = TrialEvents(tmp_path)
    events.epoch(ranks)
    best = {name: None if value != value else value for name, value in ranks.items()} if recorded else ranks
    events.finish(TrialSpec("deep_auc", 0.01, 1, 0), best, *predictions(), NAMES[:2])
    events.close()
    found = read(tmp_path)
    assert found.Tags()["images"] == []
    assert {tag for tag in found.Tags()["scalars"] if "validation" in tag} == {"validation/auroc"}
    assert "best/auroc" in found.Tags()["scalars"]
