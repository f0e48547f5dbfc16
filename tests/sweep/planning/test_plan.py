"""What a sweep will cost: rows a technique trains on, epochs, trials."""

from __future__ import annotations

import io
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from balancing.components.axes import TrainingData
from balancing.components.techniques import get_technique, techniques
from balancing.data.images import ImageSet
from balancing.data.splits import Split
from balancing.errors import UserError
from sweep.cli.plan_view import cost_table, trials_table
from sweep.config.config import Config, build_config
from sweep.duration import duration
from sweep.planning import estimate as room
from sweep.planning.estimate import CostEstimate, cost_of, estimate, rows_per_epoch
from sweep.planning.prepare import SweepInputs
from sweep.runs.spec import TrialSpec

SETTINGS: list[tuple[str, dict[str, Any]]] = [(t.name, {}) for t in techniques() if not t.on_features]
SETTINGS += [(t.name, {"sampling_strategy": 0.6}) for t in techniques() if "sampling_strategy" in t.parameters]
SETTINGS += [("borderline_smote", {"kind": 2}), ("smote", {"k_neighbors": 3})]


def prepared(counts: tuple[int, ...] = (30, 12)) -> SweepInputs:
    """Overlapping classes of noise, a quarter of the rows held out."""
    rng = np.random.default_rng(0)
    labels = rng.permutation(np.repeat(np.arange(len(counts)), counts))
    pixels = rng.integers(0, 256, (len(labels), 16, 16), dtype=np.uint8)
    held = np.concatenate([np.flatnonzero(labels == c)[:2] for c in range(len(counts))])
    train = np.setdiff1d(np.arange(len(labels)), held)
    text = np.array([""] * len(labels))
    ones = np.ones(len(labels), dtype=np.int64)
    images = ImageSet(
        pixels, labels, tuple("abc"[: len(counts)]), text, text, None, text, ones, ones, ones, None, "", "f", Path("p")
    )
    positive = 1 if len(counts) == 2 else None
    fixed = {"data": "d", "split": "s", "positive": positive, "weights": "none"}
    return SweepInputs(images, Split(train, held, held), positive, (), None, fixed)


def config_of(**space: Any) -> Config:
    return build_config(
        {
            "data": {"image_size": 16},
            "space": {"batch_size": 8, **space},
            "train": {"weights": "none", "stem": "imagenet"},
        }
    )


def true_rows(spec: TrialSpec, found: SweepInputs) -> int:
    data = TrainingData(found.images.pixels, found.images.labels, found.split.train, found.images.n_classes)
    return len(get_technique(spec.technique).build(data, spec.seed, **spec.parameters))


@pytest.mark.parametrize("counts", [(30, 12), (26, 12, 20)])
@pytest.mark.parametrize(("name", "parameters"), SETTINGS)
def test_rows_per_epoch_is_the_length_of_the_true_plan(
    name: str, parameters: dict[str, Any], counts: tuple[int, ...]
) -> None:
    found = prepared(counts)
    spec = TrialSpec(name, 0.01, 1, 3, get_technique(name).complete(parameters))
    if len(counts) > 2 and any(part.binary for part in get_technique(name).parts):
        with pytest.raises(UserError, match="two classes"):
            rows_per_epoch(spec, found.images.labels, found.split.train, found.images.n_classes)
        return
    rows = rows_per_epoch(spec, found.images.labels, found.split.train, found.images.n_classes)
    sampler = get_technique(name).part("sampler")
    if sampler is None or sampler.refuses == "beforehand":
        assert rows == true_rows(spec, found)
        return
    with suppress(UserError):  # noise, of which cleaning may leave nothing
        assert 0 <= rows - true_rows(spec, found) + len(counts) <= len(found.split.train), "the most that it can be"


def test_a_head_on_features_sees_as_many_images_as_train_and_costs_nothing() -> None:
    found = prepared((30, 12))
    for name in ("smote@features+crt", "easy_ensemble"):
        technique = get_technique(name)
        own = technique.complete({technique.key_of("share"): 0.5})
        spec = TrialSpec(technique.name, 0.01, 4, 3, own, components=technique.components)
        assert rows_per_epoch(spec, found.images.labels, found.split.train, 2) == len(found.split.train)
        assert cost_of(spec) == pytest.approx(0.5)


def test_an_estimate_covers_every_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "_measure", lambda *args: 50.0)
    found, config = prepared(), config_of(epochs=[1, 3], lr="1e-4..1e-2", trials=2, seeds=2, search_parameters=True)
    got = estimate(config, found)
    assert got.specs[0].precision in ("float32", "bfloat16")
    wanted = found.in_precision(got.specs[0].precision).specs(config)
    assert [s.trial_id for s in got.specs] == [s.trial_id for s in wanted]
    natural = len(found.split.train)
    assert {spec.batch_size for spec in got.specs} == {8}
    assert natural % 8 != 1
    assert got.images.tolist() == [natural * spec.epochs for spec in got.specs], "equal steps, whatever the technique"
    config = build_config(config.model_dump(), {"space.budget": "epochs"})
    got = estimate(config, found)
    assert got.images.tolist() == [true_rows(spec, found) * spec.epochs for spec in got.specs]
    assert got.images_per_second == 50.0
    assert got.slots >= 1


def test_trials_at_once_are_as_many_as_asked_for_and_no_more_than_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "_measure", lambda *args: 50.0)
    monkeypatch.setattr(room, "usable_cpus", lambda: 4)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("torch.get_num_threads", lambda: 1)  # what OMP_NUM_THREADS=1 does
    for asked, slots in ((None, 4), (2, 2), (9, 4)):
        config = build_config(config_of(seeds=1).model_dump(), {"resources.max_concurrent": asked})
        assert estimate(config, prepared()).slots == slots


def test_a_search_that_asks_as_it_goes_is_estimated_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "_measure", lambda *args: 50.0)
    found, config = prepared(), config_of(lr="1e-4..1e-2", trials=3, seeds=2, techniques=["baseline", "smote"])
    config = build_config(config.model_dump(), {"sweep.search": "optuna"})
    assert len(estimate(config, found).specs) == 3 * 2 * 2


def test_measuring_leaves_the_threads_and_the_generator_as_they_were() -> None:
    import torch

    threads = torch.get_num_threads()
    torch.manual_seed(3)
    before = torch.get_rng_state()
    assert estimate(config_of(techniques=["baseline"], seeds=1), prepared()).images_per_second > 0
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.get_rng_state(), before)


def shown(*parts: Any) -> str:
    console = Console(file=io.StringIO(), width=140, color_system=None)
    for part in parts:
        console.print(part)
    return console.file.getvalue()  # type: ignore[attr-defined,no-any-return]


def test_the_tables_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "_measure", lambda *args: 8.0)
    config = config_of(epochs=4, seeds=3, techniques=["baseline", "undersampling", "smote"], budget="epochs")
    got = estimate(config, prepared())
    lines = shown(trials_table(got)).splitlines()
    rows = [line.split() for line in lines if line.split()[1:2] and line.split()[1] in config.space.techniques]
    assert "9 trials" in lines[0]
    # Training: 28 and 10 images. Rows an epoch, times 4 epochs, times 3 seeds.
    assert {row[1]: int(row[-1].replace(",", "")) for row in rows} == {
        "baseline": 38 * 12,
        "undersampling": 20 * 12,
        "smote": 56 * 12,
    }
    assert {row[-2] for row in rows} == {"3"}
    total = (38 + 20 + 56) * 12
    sentences = shown(*cost_table(got))
    assert f"{total:,} training images in 36 epochs" in sentences
    assert duration(total / 8.0 / got.slots) in sentences


def test_with_many_techniques_nothing_is_cut_on_a_narrow_terminal() -> None:
    names = ["smote", "enn", "focal", "drw", "vs", "mixup", "crt", "undersampling+label_aware_smoothing"]
    names += ["borderline_smote+effective_number+sam"]
    specs = [TrialSpec(name, 0.01, 2, 0, parameters=get_technique(name).complete({})) for name in names]
    console = Console(file=io.StringIO(), width=80, color_system=None)
    console.print(trials_table(CostEstimate(specs, np.full(9, 12345), 1.0, 1, "here")))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "9 trials, all with lr" in text
    assert "…" not in text
    assert text.count("12,345") == 9
    assert "one_minus_beta=0.0001" in text.replace(" ", "").replace("\n", "")


def test_steps_that_cost_more_take_more_of_the_time_but_see_no_more_images(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "_measure", lambda *args: 8.0)
    got = estimate(config_of(epochs=4, seeds=1, techniques=["baseline", "sam"]), prepared())
    assert got.images.tolist() == [38 * 4] * 2
    assert got.seconds == pytest.approx(3 * 38 * 4 / 8.0 / got.slots), "two passes a step"


def test_cost_grows_with_images_and_shrinks_with_slots() -> None:
    specs = [TrialSpec("baseline", 0.01, 2, seed) for seed in range(3)]
    one = shown(*cost_table(CostEstimate(specs, np.array([600, 600, 600]), 10.0, 1, "here")))
    three = shown(*cost_table(CostEstimate(specs, np.array([600, 600, 600]), 10.0, 3, "here")))
    assert "3 min 00 s with 1 trial at once" in one.replace("\n", " ")
    assert "1 min 00 s with 3 trials at once" in three.replace("\n", " ")
