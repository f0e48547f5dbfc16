"""Makes run folders with invented predictions, through the public API of ``sweep.runs.run``: no training, no Ray."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict, Unpack

import numpy as np

from balancing.components.techniques import get_technique
from balancing.data.images import ImageSet
from balancing.data.splits import Split
from balancing.metrics import RANKING, can_tell, evaluate, told
from balancing.quality.audit import audit
from sweep.runs.run import Run
from sweep.runs.selection import select
from sweep.runs.spec import TrialSpec
from sweep.runs.split_table import split_fingerprint
from sweep.training.network import new_model, save_best

_METRIC = "balanced_accuracy"
SIX = ("baseline", "undersampling", "oversampling", "augmentation", "smote", "borderline_smote")
CONFIG = (
    "data:\n  source: invented\nspace:\n  seeds: 2\ntrain:\nsweep:\n  metric: balanced_accuracy\nresources:\nreport:\n"
)


def fake_images(
    folder: Path,
    class_names: Sequence[str] = ("NORMAL", "PNEUMONIA"),
    *,
    size: int = 32,
    per_class: Sequence[int] | None = None,
    source: str = "invented",
    masks: bool = False,
    fingerprint: str = "f" * 16,
) -> ImageSet:
    """Random grey images; class c has ``per_class[c]`` of them, by default 40, 80, 120 ..."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    counts = per_class or [40 * (c + 1) for c in range(len(class_names))]
    labels = np.repeat(np.arange(len(class_names)), counts)
    n = len(labels)
    pixels = rng.integers(0, 256, (n, size, size), dtype=np.uint8)
    np.save(folder / "pixels.npy", pixels)
    masks_path = None
    if masks:
        lesions = np.zeros((n, size, size), dtype=bool)
        lesions[labels == 1, size // 4 : size // 2, size // 4 : size // 2] = True
        masks_path = folder / "masks.npy"
        np.save(masks_path, lesions)
    return ImageSet(
        pixels=pixels,
        labels=labels,
        class_names=tuple(class_names),
        splits=np.full(n, "train"),
        names=np.array([f"image{i}.png" for i in range(n)]),
        patients=None,
        sha256=np.array([f"{i:064x}" for i in range(n)]),
        widths=np.full(n, size),
        heights=np.full(n, size),
        channels=np.ones(n, dtype=np.int64),
        masks_path=masks_path,
        source=source,
        fingerprint=fingerprint,
        pixels_path=folder / "pixels.npy",
    )


def fake_split(images: ImageSet, test_counts: Sequence[int] | None = None) -> Split:
    """Half of each class trains, a quarter validates, a quarter tests; or ``test_counts`` of each class test."""
    parts: dict[str, list[int]] = {"train": [], "validation": [], "test": []}
    for label in range(images.n_classes):
        rows = np.flatnonzero(images.labels == label).tolist()
        n_test = test_counts[label] if test_counts else len(rows) // 4
        n_validation = (len(rows) - n_test) // 3
        parts["test"] += rows[:n_test]
        parts["validation"] += rows[n_test : n_test + n_validation]
        parts["train"] += rows[n_test + n_validation :]
    arrays = {name: np.array(sorted(rows), dtype=np.int64) for name, rows in parts.items()}
    return Split(**arrays, notes=("An invented split: half, a quarter, a quarter.",))


def _probabilities(labels: np.ndarray, n_classes: int, skill: float, rng: np.random.Generator) -> np.ndarray:
    """(N, C) float32, better than chance by ``skill`` (0 none, 3 good)."""
    logits = rng.normal(0, 1, (len(labels), n_classes))
    logits[np.arange(len(labels)), labels] += skill
    exp = np.exp(logits - logits.max(axis=1, keepdims=True))
    return (exp / exp.sum(axis=1, keepdims=True)).astype(np.float32)


class Fate(TypedDict, total=False):
    """What became of an invented run.

    Args:
        skills: of each technique; invented where None.
        test_counts: see ``fake_split``.
        failing: the last technique's first trial fails, the one before it has a diverged one; True by default.
        opened: the test split was opened for the chosen trials; True by default.
        checkpoints: how many of the chosen techniques keep a (random) network; 0 by default.
        audited: whether its data were; True by default.
    """

    skills: Sequence[float] | None
    test_counts: Sequence[int] | None
    failing: bool
    opened: bool
    checkpoints: int
    audited: bool


def fake_run(
    folder: Path,
    images: ImageSet,
    *,
    techniques: Sequence[str] = SIX,
    seeds: int = 2,
    lrs: Sequence[float] = (0.001, 0.005),
    epochs: int = 3,
    **fate: Unpack[Fate],
) -> Run:
    """A finished run.

    Args:
        folder: of the run, new.
        images: from ``fake_images``.
    """
    failing = fate.get("failing", True)
    split = fake_split(images, fate.get("test_counts"))
    positive = 1 if images.n_classes == 2 else None
    run = Run.create(
        folder,
        config_yaml=CONFIG,
        images=images,
        split=split,
        positive=positive,
        notes=[*split.notes, "No patient ids."],
    )
    specs = [
        TrialSpec(
            technique=name,
            lr=lr,
            epochs=epochs,
            seed=seed,
            parameters={"k_neighbors": 5} if "smote" in name else {},
            strength=float(name == "augmentation"),
            image_size=images.pixels.shape[1],
            positive=positive,
            data=images.fingerprint,
            split=split_fingerprint(split),
            draw=draw,
            seed_index=seed,
            metric=_METRIC if can_tell(get_technique(name).gives, _METRIC) else RANKING,
        )
        for draw, lr in enumerate(lrs)
        for seed in range(seeds)
        for name in techniques
    ]
    if fate.get("audited", True) and images.pixels.shape[1] >= 8:  # the least that images are decoded to
        run.write_audit(audit(images, split))
    run.write_specs(specs)
    skill = dict(zip(techniques, fate.get("skills") or np.linspace(1.0, 1.6, len(techniques)), strict=True))
    unlucky = {specs[len(techniques) - 1].trial_id: "failed"} if failing else {}
    if failing and len(techniques) > 1:
        unlucky[specs[len(techniques) - 2].trial_id] = "diverged"
    for number, spec in enumerate(specs):
        _write_trial(run, spec, images, split, skill[spec.technique], number, unlucky.get(spec.trial_id))
    run.write_selection(select(run.trials(), _METRIC))
    chosen = [(c["technique"], t) for c in run.selection() for t in c["trial_ids"]]
    by_id = {spec.trial_id: (number, spec) for number, spec in enumerate(specs)}
    if fate.get("opened", True):
        run.record_test_opening([t for _, t in chosen])
        for technique, trial_id in chosen:
            rng = np.random.default_rng([1, by_id[trial_id][0]])
            labels = images.labels[split.test]
            probabilities = _probabilities(labels, images.n_classes, skill[technique], rng)
            run.trial(trial_id).write_predictions("test", split.test, labels, probabilities)
    for technique in list(dict.fromkeys(t for t, _ in chosen))[: fate.get("checkpoints", 0)]:
        for trial_id in (t for name, t in chosen if name == technique):
            spec = by_id[trial_id][1]
            save_best(
                run.trial(trial_id).best,
                new_model(images.n_classes, spec.seed),
                epoch=1,
                class_names=list(images.class_names),
                positive=positive,
                spec=spec.to_dict(),
            )
    run.update_info(status="done")
    return run


def _write_trial(
    run: Run, spec: TrialSpec, images: ImageSet, split: Split, skill: float, number: int, fate: str | None
) -> None:
    folder = run.trial(spec.trial_id)
    folder.write_spec(spec)
    rng = np.random.default_rng([0, number])
    labels = images.labels[split.validation]
    rows, best = [], (-1.0, 0)
    for epoch in range(1, spec.epochs + 1):
        if fate == "failed" or (fate == "diverged" and epoch > 1):
            break
        probabilities = _probabilities(labels, images.n_classes, skill * (0.6 + 0.4 * epoch / spec.epochs), rng)
        numbers = told(evaluate(labels, probabilities, spec.positive), get_technique(spec.technique).gives)
        more = {"epoch": epoch, "train_loss": 1 / epoch, "seconds": 1.5, "images_per_second": 100.0, "images": 90}
        rows.append({**numbers, **more})
        if numbers[spec.metric] > best[0]:
            best = (numbers[spec.metric], epoch)
            folder.write_predictions("validation", split.validation, labels, probabilities)
    folder.write_epochs(rows)
    error = {
        "failed": "RuntimeError: <b>out of memory</b> & more",
        "diverged": "the training loss became nan in epoch 2",
    }
    folder.write_status(fate or "done", best_epoch=best[1] or None, error=error.get(fate or ""), attempts=1)
