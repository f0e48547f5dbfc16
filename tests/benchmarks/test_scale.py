"""The model of larger runs: laws of list scheduling, cost, and a case computed by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.scale_model import (
    CHEST_XRAYS,
    MIMIC,
    NIH,
    Constants,
    DataSet,
    compare_specs,
    distribution,
    list_schedule,
    neighbour_flop,
    predict,
    rows_per_epoch,
    trial_parts,
    written_bytes,
)
from sweep.config.config import build_config, read_file
from sweep.planning import estimate as plan
from sweep.planning.space import trial_specs
from sweep.runs.spec import TrialSpec


@pytest.mark.parametrize("n_slots", [1, 2, 7, 64, 200])
@pytest.mark.parametrize("seed", range(5))
def test_a_list_schedule_keeps_graham_s_bounds(n_slots: int, seed: int) -> None:
    lengths = np.random.default_rng(seed).exponential(size=144)
    schedule = list_schedule(lengths.tolist(), n_slots)
    assert schedule.makespan >= lengths.max() - 1e-9
    assert schedule.makespan >= lengths.sum() / n_slots - 1e-9
    assert schedule.makespan <= lengths.sum() / n_slots + lengths.max() + 1e-9
    assert 0 < schedule.efficiency <= 1 + 1e-9
    assert 0 <= schedule.tail <= lengths.max() + 1e-9 or n_slots > 144
    np.testing.assert_allclose(schedule.ends - schedule.starts, lengths)


@pytest.mark.parametrize("n_slots", [1, 3, 8])
def test_no_slot_runs_two_trials_at_once_and_trials_start_in_order(n_slots: int) -> None:
    lengths = np.random.default_rng(0).exponential(size=40).tolist()
    schedule = list_schedule(lengths, n_slots, ramp=0.3, gap=0.1)
    assert (np.diff(schedule.starts) >= 0).all()
    for slot in range(n_slots):
        mine = schedule.slots == slot
        assert schedule.starts[mine][0] >= slot * 0.3 - 1e-9
        assert (schedule.starts[mine][1:] >= schedule.ends[mine][:-1] + 0.1 - 1e-9).all()


def test_a_list_schedule_computed_by_hand() -> None:
    # Slot 0: 3 (0-3), then 4 (4-8). Slot 1: 2 (1-3), then 1 (4-5), then 2 (6-8).
    schedule = list_schedule([3, 2, 4, 1, 2], 2, ramp=1, gap=1)
    assert schedule.starts.tolist() == [0, 1, 4, 4, 6]
    assert schedule.ends.tolist() == [3, 3, 8, 5, 8]
    assert schedule.slots.tolist() == [0, 1, 0, 1, 1]
    assert schedule.makespan == 8
    assert schedule.efficiency == 12 / 16
    assert schedule.tail == 0


def test_nothing_to_run_takes_no_time_and_nowhere_to_run_is_refused() -> None:
    assert list_schedule([], 3).makespan == 0
    with pytest.raises(ValueError, match="must be a slot"):
        list_schedule([1.0], 0)


def test_a_sweep_computed_by_hand() -> None:
    data = DataSet("ten", 20, (8, 2), validation=6, test=4, image_size=10)
    specs = [TrialSpec(technique, lr=1e-3, epochs=2, seed=0) for technique in ("baseline", "oversampling")]
    constants = Constants(
        images_per_second=2,
        validation_share=0.5,
        epoch_seconds=1,
        trial_seconds=0.5,
        startup_seconds=4,
        ramp_seconds=0,
        upload_bytes_per_second=1000,
        put_bytes_per_second=500,
        network_bytes_per_second=2000,
        slot_price=3600,
        head_price=360,
    )
    # 2000 bytes of pixels. Baseline: upload 2, train 2 * 10 / 2, validate 2 * 6 * 0.5 / 2, records 2.
    assert trial_parts(specs[0], data, constants) == {"plan": 0, "upload": 2, "train": 10, "validate": 3, "records": 2}
    found = predict(specs, data, 1, constants)
    assert found.before == 4 + 4 + 1
    assert found.schedule.makespan == 17 + 0.5 + (17 + 6)
    assert found.after == 2 * (4 * 0.5 / 2 + 2)
    assert found.dollars == pytest.approx(found.wall * 1.1 * 1)
    assert found.parts == {"plan": 0, "upload": 4, "train": 26, "validate": 6, "records": 4}
    assert predict(specs, data, 1, constants, through_store=False).before == 4


@pytest.mark.parametrize("data", [CHEST_XRAYS, NIH, MIMIC], ids=lambda data: data.name)
@pytest.mark.parametrize("n_slots", [1, 8, 64])
def test_cost_is_what_is_held_and_never_below_what_is_used(data: DataSet, n_slots: int) -> None:
    constants = Constants(images_per_second=1500, head_price=0)
    found = predict(compare_specs(), data, n_slots, constants)
    used = sum(found.parts.values()) / 3600 * constants.slot_price
    assert found.dollars == pytest.approx(n_slots * found.wall / 3600)
    assert found.dollars >= used
    # Every rate doubled and nothing else: no sweep gets longer by it.
    faster = replace(constants, images_per_second=3000, network_bytes_per_second=2 * constants.network_bytes_per_second)
    assert predict(compare_specs(), data, n_slots, faster).wall < found.wall


@pytest.mark.parametrize("data", [NIH, MIMIC], ids=lambda data: data.name)
def test_more_slots_shorten_a_sweep_and_raise_its_cost(data: DataSet) -> None:
    found = [predict(compare_specs(), data, n, Constants(1500), through_store=False) for n in (1, 8, 64)]
    assert found[0].wall > found[1].wall > found[2].wall
    per_slot = [p.schedule.n_slots * p.schedule.makespan for p in found]
    assert per_slot == sorted(per_slot)


def test_rows_are_those_that_the_techniques_plans_hold() -> None:
    specs = {(s.technique, str(s.parameters)): s for s in compare_specs()}.values()
    rng = np.random.default_rng(0)
    for counts in ((400, 30), (60, 200)):
        labels = rng.permutation(np.repeat([0, 1], counts))
        rows = np.arange(len(labels))
        for spec in specs:
            planned = plan.rows_per_epoch(spec, labels, rows, 2)
            modelled = rows_per_epoch(spec, counts)
            if spec.technique == "borderline_smote":
                assert planned in (modelled, len(rows)), "all new rows, or none where no image is in danger"
            else:
                assert planned == modelled


def test_the_chest_x_rays_are_as_sweep_plan_counts_them() -> None:
    specs = compare_specs()
    assert len(specs) == 144
    assert sum(s.epochs * rows_per_epoch(s, CHEST_XRAYS.class_counts) for s in specs) == 5_167_620


def test_neighbours_grow_with_the_pairs_compared() -> None:
    small = DataSet("small", 100, (80, 20), 0, 0)
    large = DataSet("large", 200, (160, 40), 0, 0)
    for technique in ("smote", "borderline_smote"):
        spec = TrialSpec(technique, 1e-3, 1, 0, parameters={"kind": 2})
        assert neighbour_flop(spec, large) == 4 * neighbour_flop(spec, small) > 0
    assert neighbour_flop(TrialSpec("baseline", 1e-3, 1, 0), small) == 0
    balanced = DataSet("balanced", 100, (50, 50), 0, 0)
    assert neighbour_flop(TrialSpec("smote", 1e-3, 1, 0), balanced) == 0


@pytest.mark.parametrize("n_nodes", [1, 2, 8, 64])
def test_doubling_is_never_slower_than_all_from_the_head(n_nodes: int) -> None:
    roomy = Constants(1500, node_memory=1e12, head_memory=1e12)
    way, once = distribution(MIMIC, n_nodes, roomy), distribution(MIMIC, 1, roomy)
    assert once.by_doubling == once.from_head
    assert way.by_doubling <= way.from_head == pytest.approx(n_nodes * once.from_head)
    assert way.put == once.put


def test_pixels_that_fit_no_store_go_as_fast_as_the_disk_takes_them() -> None:
    data = DataSet("small", 10, (8, 2), 0, 0, image_size=10)  # 1000 bytes
    constants = Constants(
        1, put_bytes_per_second=500, network_bytes_per_second=1000, spill_bytes_per_second=100, head_memory=4000
    )
    tight = replace(constants, node_memory=3000, head_memory=3000)
    assert distribution(data, 4, constants).put == 2
    assert distribution(data, 4, constants).from_head == 4
    assert distribution(data, 4, tight).put == 10
    assert distribution(data, 4, tight).from_head == distribution(data, 4, tight).by_doubling == 10
    assert distribution(data, 40, tight).from_head == 40


def test_kept_neighbours_are_searched_by_the_trials_that_start_together_and_by_no_other() -> None:
    specs, constants = compare_specs(), Constants(1500)
    search = trial_parts(next(s for s in specs if s.technique == "smote"), MIMIC, constants)["plan"]
    borderline = trial_parts(next(s for s in specs if s.technique == "borderline_smote"), MIMIC, constants)["plan"]
    assert 0 < search < borderline
    for n_slots, searches in ((1, 1), (12, 2), (144, 24)):
        assert predict(specs, MIMIC, n_slots, constants).parts["plan"] == pytest.approx(
            searches * (search + borderline)
        )
    each = predict(specs, MIMIC, 1, constants, keeps_neighbours=False)
    assert each.parts["plan"] == pytest.approx(24 * (search + borderline))


def test_files_to_go_on_from_are_written_after_epochs_and_not_more_often_than_asked() -> None:
    data = DataSet("ten", 20, (8, 2), validation=0, test=4, image_size=10)
    spec = TrialSpec("baseline", 1e-3, epochs=7, seed=0)
    for epoch_seconds, resumes in ((40, 6), (20, 3), (11, 2), (1, 0)):
        constants = Constants(1e9, epoch_seconds=epoch_seconds, checkpoint_bytes=1, resume_seconds=30)
        assert written_bytes(spec, data, constants) == 7 + 3 * resumes


def test_the_page_tells_how_many_trials_the_preset_has_today() -> None:
    config = build_config(read_file("compare"), {})
    exploring = trial_specs(config)
    techniques = len({spec.technique for spec in exploring})
    fresh, epochs = config.space.confirm * techniques, sum(spec.epochs for spec in exploring)
    lengths = [spec.epochs for spec in exploring if spec.technique == "baseline"]
    page = " ".join((Path(__file__).parents[2] / "docs" / "scale.md").read_text(encoding="utf-8").split())
    assert f"{len(exploring)} trials, and then" in page
    assert f"{config.space.confirm} fresh seeds, {fresh} trials: {len(exploring) + fresh}." in page
    assert f"Exploring takes {epochs} epochs. The 8 draws have {min(lengths)} to {max(lengths)} of them" in page
    assert (
        f"takes {fresh * min(lengths)} to {fresh * max(lengths):,}, and {epochs * fresh // len(exploring)} at" in page
    )
    assert f"{epochs + epochs * fresh // len(exploring):,} in all" in page
