"""Stages of a training: where they lie in its epochs, what trains in each, and that an interruption changes nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from balancing.components.axes import Phase, Stage, TrainingContext
from balancing.components.decorators import schedule
from balancing.components.losses.cross_entropy import cross_entropy
from balancing.errors import UserError
from sweep.runs.trial_folder import TrialFolder
from sweep.training.batches import batches_by_part, training_batches
from sweep.training.hardware import on_device
from sweep.training.inputs import SplitImages
from sweep.training.method import Part, method_of
from sweep.training.network import new_model, restore
from sweep.training.stages import check_last, spans, steps_of
from sweep.training.trial import Trial
from tests.balancing.components.registered import keep_registry
from tests.sweep.training.small import (
    CPU,
    Interrupted,
    assert_same_trial,
    interrupt_after,
    make_images,
    make_spec,
    numbers_of,
    run_trial,
    scripted,
)

PLAIN = Phase(sampled=False, weighted=False)
EIGHTY = (Stage(0.8, PLAIN, kept=False), Stage(0.2))


@pytest.fixture
def images() -> SplitImages:
    return make_images(train=(20, 10), signal=20)


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """A schedule whose second stage begins within an epoch, with a new head that alone trains, on equal classes."""
    keep_registry(monkeypatch)

    @schedule(label="Later", reference="here")
    def later(context: TrainingContext) -> Any:
        """A head on equal classes after the first half."""
        last = Phase(power=0.0, mixed=False, trained="head", new_head=True, lr_factor=0.5)
        return Stage(0.5, PLAIN, kept=False), Stage(0.5, last)


def lie(stages: tuple[Stage, ...], epochs: int, steps: int) -> list[list[tuple[int, int, int, bool]]]:
    """Of each epoch the number of each stage, its first step, the one behind its last, and whether it begins."""
    found = [spans(stages, epoch, epochs, lambda stage, epoch: steps) for epoch in range(1, epochs + 1)]
    return [[(s.number, s.first, s.end, s.begins) for s in epoch] for epoch in found]


def test_three_epochs_of_ten_steps_with_a_share_of_four_fifths_switch_at_step_24() -> None:
    assert lie(EIGHTY, 3, 10) == [[(0, 0, 10, True)], [(0, 0, 10, False)], [(0, 0, 4, False), (1, 4, 10, True)]]


@pytest.mark.parametrize("steps", [1, 2, 3, 7, 40])
@pytest.mark.parametrize("epochs", [1, 2, 3, 5])
def test_stages_share_all_steps_and_each_begins_once(epochs: int, steps: int) -> None:
    shares = (0.15, 0.3, 0.05, 0.5)
    found = lie(tuple(Stage(share) for share in shares), epochs, steps)
    taken = np.zeros(4, dtype=int)
    for epoch in found:
        assert [first for _, first, _, _ in epoch] == [0, *(end for _, _, end, _ in epoch)][:-1]
        assert epoch[-1][2] == steps
        for number, first, end, _ in epoch:
            taken[number] += end - first
    ends = np.floor(np.cumsum(shares) * epochs * steps + 0.5)
    np.testing.assert_array_equal(taken, np.diff(ends, prepend=0))
    begun = [number for epoch in found for number, _, _, begins in epoch if begins]
    assert begun == np.flatnonzero(taken).tolist()


def test_a_stage_begins_once_also_where_epochs_differ_in_their_steps() -> None:
    steps = {1: 3, 2: 20}
    found = [spans((Stage(0.48), Stage(0.52)), epoch, 2, lambda _, epoch: steps[epoch]) for epoch in (1, 2)]
    assert [[(s.number, s.first, s.end, s.begins) for s in epoch] for epoch in found] == [
        [(0, 0, 3, True)],
        [(1, 0, 20, True)],
    ]


def test_a_last_stage_without_a_step_is_refused_before_training(later: None, images: SplitImages) -> None:
    check_last("later", EIGHTY, 1, 3)
    with pytest.raises(UserError, match=r"last stage of 'drw' is 0.2 of all steps, but 1 epoch of 2 leave it none"):
        check_last("drw", EIGHTY, 1, 2)
    with pytest.raises(UserError, match="the last stage of 'later' is 0.5 of all steps, but 1 epoch of 0"):
        check_last("later", (Stage(0.5), Stage(0.5)), 1, 0)


def test_a_trial_whose_last_stage_has_no_step_changes_no_file(
    images: SplitImages, folder: TrialFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_registry(monkeypatch)

    @schedule(label="Late", reference="here")
    def late(context: TrainingContext) -> Any:
        """A last hundredth."""
        return Stage(0.99, PLAIN, kept=False), Stage(0.01)

    trial = Trial(make_spec("late"), images, folder, device=CPU)
    with pytest.raises(UserError, match="leave it none; give more --epochs, a smaller --batch-size"):
        trial.restore()
    assert not folder.path.exists()


def test_steps_of_an_epoch_leave_away_a_last_row_alone() -> None:
    assert [steps_of(rows, 4) for rows in (1, 2, 4, 5, 6, 8, 9)] == [0, 1, 1, 1, 2, 2, 2]


@pytest.mark.parametrize("budget", ["steps", "epochs"])
def test_a_stage_that_begins_within_an_epoch_trains_its_own_rows_from_there(
    budget: str, later: None, images: SplitImages
) -> None:
    spec = make_spec("later", epochs=3, budget=budget, batch_size=5)  # 6 steps an epoch: the switch is at step 9
    method = method_of(spec, images)
    parts = [[(p.stage, p.steps, p.rows, p.begins, p.forgets, p.kept) for p in method.parts(e)] for e in (1, 2, 3)]
    first, second = (0, 3, 15, False, False, False), (1, 3, 15, True, True, True)
    assert parts == [[(0, 6, 30, True, False, False)], [first, second], [(1, 6, 30, False, False, True)]]
    natural, drawn = method.parts(2)
    assert natural.plan.class_counts(2).tolist() == [20, 10]
    assert drawn.plan.class_counts(2).tolist() == [15, 15]
    assert not np.array_equal(method.parts(3)[0].plan.base, drawn.plan.base), "drawn anew"
    pixels = on_device(images.pixels, CPU)
    seen: dict[int, torch.Tensor] = {}
    for part, batches in batches_by_part(pixels, method, spec, 2, CPU):
        seen[part.stage] = torch.cat([targets for _, targets in batches])
    assert {stage: len(targets) for stage, targets in seen.items()} == {0: 15, 1: 15}
    assert len(list(training_batches(pixels, method, spec, 2, CPU))) == 6


def test_a_switch_moves_no_draw_of_the_rows_that_both_stages_have(
    images: SplitImages, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Deferred weighting sees the very images of the baseline, augmented alike: they are paired."""
    keep_registry(monkeypatch)

    @schedule(label="Weights late", reference="here")
    def weights_late(context: TrainingContext) -> Any:
        """Weights in the second half."""
        return Stage(0.5, Phase(weighted=False), kept=False), Stage(0.5)

    pixels = on_device(images.pixels, CPU)
    found = []
    for name in ("baseline", "class_weights+weights_late"):
        spec = make_spec(name, epochs=1, strength=1.0, batch_size=5)
        found.append(list(training_batches(pixels, method_of(spec, images), spec, 1, CPU)))
    for (one, labels), (other, same) in zip(*found, strict=True):
        assert torch.equal(one, other)
        assert torch.equal(labels, same)


def test_losses_see_the_counts_of_the_rows_that_train_in_their_stage(
    images: SplitImages, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_registry(monkeypatch)

    @schedule(label="Evener", reference="here")
    def evener(context: TrainingContext) -> Any:
        """The rows as they are, then square roots, then equal classes."""
        return Stage(0.25, PLAIN), Stage(0.25, Phase(sampled=False)), Stage(0.25, Phase(power=0.5)), Stage(0.25)

    method = method_of(make_spec("undersampling+class_weights+evener", epochs=4), images)
    plain, natural, root, equal = (method.parts(epoch)[0] for epoch in (1, 2, 3, 4))
    assert plain.loss is cross_entropy
    assert [p.plan.class_counts(2).tolist() for p in (natural, root, equal)] == [[20, 10], [18, 12], [10, 10]]

    def ratio(part: Part) -> float:
        """What a row of the rarer class weighs against one of the other."""
        first, second = part.loss(torch.zeros(2, 2), torch.eye(2)).tolist()
        return second / first

    assert [ratio(part) for part in (natural, root, equal)] == pytest.approx([2.0, 1.5, 1.0])


def test_a_stage_may_weigh_rows_by_effective_numbers_besides_the_techniques_loss(images: SplitImages) -> None:
    """On the rows as they are, 20 and 10: with beta near 0.9999 by 1 / n, so that a class weighs 15 / n in all."""
    spec = make_spec("drw", epochs=5, parameters={"one_minus_beta": 1e-6})
    first, last = (method_of(spec, images).parts(epoch)[0].loss for epoch in (1, 5))
    logits, targets = torch.tensor([[0.3, -0.1]] * 3), torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.5, 0.5]])
    assert torch.equal(first(logits, targets), cross_entropy(logits, targets))
    weights = torch.tensor([0.75, 1.5, 1.125])
    torch.testing.assert_close(last(logits, targets), cross_entropy(logits, targets) * weights, rtol=1e-4, atol=1e-5)


def test_a_new_head_is_of_seed_and_stage_alone() -> None:
    made = []
    for seed, stage in ((3, 1), (3, 1), (3, 2), (4, 1)):
        network = new_model(2, 0)
        body = network.conv1.weight.clone()
        torch.manual_seed(len(made))
        before = torch.get_rng_state()
        network.renew_head(seed, stage)
        assert torch.equal(torch.get_rng_state(), before)
        assert torch.equal(network.conv1.weight, body)
        made.append(torch.cat([network.fc.weight.flatten(), network.fc.bias]))
    assert torch.equal(made[0], made[1])
    assert not torch.equal(made[0], made[2])
    assert not torch.equal(made[0], made[3])


@pytest.mark.parametrize("after", [1, 2, 3])
def test_a_trial_of_two_stages_goes_on_after_any_epoch_as_if_nothing_had_been(
    after: int, later: None, images: SplitImages, folder: TrialFolder
) -> None:
    spec = make_spec("later", epochs=4, batch_size=6, strength=0.5, budget="steps", lr=1e-3)
    spec = type(spec).from_dict({**spec.to_dict(), "epochs": 4})
    whole = TrialFolder(folder.path.parent / "whole")
    assert run_trial(spec, images, whole, resume_seconds=0) == "done"
    with pytest.raises(Interrupted):
        run_trial(spec, images, folder, report=interrupt_after(after), resume_seconds=0)
    torch.manual_seed(after)
    assert run_trial(spec, images, folder, resume_seconds=0) == "done"
    assert_same_trial(folder, whole)
    assert [e["stage"] for e in numbers_of(whole)] == [1, 1, 2, 2]


def test_the_best_epoch_is_one_that_ends_in_a_kept_stage(
    later: None, images: SplitImages, folder: TrialFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripted(monkeypatch, [0.9, 0.2, 0.6, 0.5])
    assert run_trial(make_spec("later", epochs=4), images, folder) == "done"
    epochs = numbers_of(folder)
    assert [e["stage"] for e in epochs] == [1, 1, 2, 2]
    assert [e["kept_epochs"] for e in epochs] == [0, 0, 1, 2]
    assert [e["steps"] for e in epochs] == [4, 4, 4, 4]
    facts = restore(folder.best)[1]
    assert (folder.status()["best_epoch"], facts["epoch"], facts["stage"]) == (3, 3, 2)


def test_a_head_that_begins_anew_trains_alone_at_its_own_rate(
    later: None, images: SplitImages, folder: TrialFolder
) -> None:
    trial = Trial(make_spec("later", epochs=2), images, folder, device=CPU)
    trial.restore()
    trial.epoch()
    assert trial.optimizer.param_groups[0]["lr"] == 1e-3
    body = trial.network.layer4[1].conv2.weight.detach().clone()
    trial.epoch()
    assert trial.optimizer.param_groups[0]["lr"] == 5e-4
    assert torch.equal(trial.network.layer4[1].conv2.weight, body)
    moving = [p for p in trial.network.parameters() if p in trial.optimizer.state]
    assert {id(p) for p in moving} == {id(trial.network.fc.weight), id(trial.network.fc.bias)}
    assert {int(trial.optimizer.state[p]["step"]) for p in moving} == {4}, "it forgot what went before"
