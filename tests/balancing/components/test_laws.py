"""Every registered component keeps the laws of its axis; components made wrong on purpose break them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from balancing.components.axes import Phase, Stage, TrainingContext, TrainingData
from balancing.components.decorators import augmentation, decision, loss, mixer, sampler, schedule
from balancing.components.plans import EpochPlans, TrainingPlan
from balancing.components.ranges import FloatRange
from balancing.components.registry import COMPONENTS, Component
from balancing.components.testing import LAWS, Law, check, run
from balancing.errors import UserError
from tests.balancing.components.registered import keep_registry

EACH = [(component, law) for component in COMPONENTS.all() for law in LAWS[component.axis]]


@pytest.mark.parametrize(("component", "law"), EACH, ids=lambda each: getattr(each, "name", None) or each.__name__)
def test_every_component_keeps_the_laws_of_its_axis(component: Component, law: Law) -> None:
    run(law, component)


def test_a_component_that_is_not_there_has_no_laws() -> None:
    with pytest.raises(UserError, match="unknown component 'nobody'; import the module that defines it first"):
        check("nobody")


SAYS: dict[str, Any] = {"label": "Wrong", "reference": "here"}


def lost_class() -> None:
    @sampler(**SAYS)
    def wrong(data: TrainingData, random_state: int) -> TrainingPlan:
        """Loses a class."""
        kept = data.train_labels > 0
        return TrainingPlan.of_rows(data.rows[kept], data.train_labels[kept])


def global_draws() -> None:
    @sampler(**SAYS)
    def wrong(data: TrainingData, random_state: int) -> TrainingPlan:
        """Draws from a global generator."""
        order = np.random.permutation(len(data.rows))
        return TrainingPlan.of_rows(data.rows[order], data.train_labels[order])


def only_pixels() -> None:
    @sampler(**SAYS)
    def wrong(data: TrainingData, random_state: int) -> TrainingPlan:
        """Looks at pixels where there are vectors."""
        order = np.argsort(data.pixels[data.rows].mean((1, 2)), kind="stable")
        return TrainingPlan.of_rows(data.rows[order], data.train_labels[order])


def reads_all_rows() -> None:
    @sampler(**SAYS)
    def wrong(data: TrainingData, random_state: int) -> TrainingPlan:
        """Looks at pixels that do not train."""
        order = np.argsort(np.abs(data.pixels[data.rows].mean((1, 2)) - data.pixels.mean()), kind="stable")
        return TrainingPlan.of_rows(data.rows[order], data.train_labels[order])


def unrefused() -> None:
    @sampler(**SAYS)
    def wrong(data: TrainingData, random_state: int) -> TrainingPlan:
        """Needs five images of each class, and does not say so."""
        if data.class_counts.min() < 5:
            raise IndexError("no fifth image")
        return TrainingPlan.of_rows(data.rows, data.train_labels)


def refused_late() -> None:
    @sampler(**SAYS)
    def wrong(data: TrainingData, random_state: int) -> TrainingPlan:
        """Refuses once it has the images what its check could have refused."""
        if data.class_counts.min() < 5:
            raise UserError(f"class {data.class_name(1)} is too small; add images")
        return TrainingPlan.of_rows(data.rows, data.train_labels)


def refused_without_reason() -> None:
    @sampler(**SAYS, refuses="while building")
    def wrong(data: TrainingData, random_state: int) -> TrainingPlan:
        """Refuses small classes, and does not say which."""
        if data.class_counts.min() < 5:
            raise UserError("this does not work; give other images")
        return TrainingPlan.of_rows(data.rows, data.train_labels)


def misses_its_ratio() -> None:
    @sampler(**SAYS, follows="nearly", sampling_strategy=FloatRange(0.5, 1.0, default=1.0, minimum=0.1))
    def wrong(data: TrainingData, random_state: int, *, sampling_strategy: float) -> TrainingPlan:
        """Says that it follows the ratio nearly, and does nothing."""
        return TrainingPlan.of_rows(data.rows, data.train_labels)


def mixes_unsaid() -> None:
    @sampler(**SAYS)
    def wrong(data: TrainingData, random_state: int) -> TrainingPlan:
        """Mixes each image with the next of its class, and does not say so."""
        plan = TrainingPlan.of_rows(data.rows, data.train_labels)
        order = np.argsort(data.train_labels, kind="stable")
        mate = plan.base.copy()
        mate[order[:-1]] = plan.base[order[1:]]
        return TrainingPlan(plan.base, mate, np.where(mate == plan.base, 0.0, 0.5), plan.labels)


def remembers_epochs() -> None:
    @sampler(**SAYS)
    def wrong(data: TrainingData, random_state: int) -> EpochPlans:
        """Goes on drawing, so that a resumed training sees other rows."""
        rng = np.random.default_rng(random_state)

        def of(epoch: int) -> TrainingPlan:
            order = rng.permutation(len(data.rows))
            return TrainingPlan.of_rows(data.rows[order], data.train_labels[order])

        return EpochPlans(of)


def longer_epochs() -> None:
    @sampler(**SAYS)
    def wrong(data: TrainingData, random_state: int) -> EpochPlans:
        """Each epoch has the rows once more."""
        return EpochPlans(lambda e: TrainingPlan.of_rows(np.tile(data.rows, e), np.tile(data.train_labels, e)))


def always_flips() -> None:
    @augmentation(**SAYS)
    def wrong(context: TrainingContext) -> Any:
        """Flips without being asked to."""
        return lambda images, generator: images.flip(-1)


def flips_in_place() -> None:
    @augmentation(**SAYS)
    def wrong(context: TrainingContext) -> Any:
        """Changes what it was given."""
        return lambda images, generator: images.mul_(0.5) if context.strength else images


def mean_loss() -> None:
    @loss(**SAYS)
    def wrong(context: TrainingContext) -> Any:
        """One number a batch."""
        return lambda logits, targets: torch.nn.functional.cross_entropy(logits, targets)


def overflowing_loss() -> None:
    @loss(**SAYS)
    def wrong(context: TrainingContext) -> Any:
        """Without a stable softmax."""
        return lambda logits, targets: -(targets * (logits.exp() / logits.exp().sum(1, keepdim=True)).log()).sum(1)


def wrong_sign() -> None:
    @loss(**SAYS)
    def wrong(context: TrainingContext) -> Any:
        """Has no gradient: compares the decision."""
        return lambda logits, targets: (logits.argmax(1) != targets.argmax(1)).float() + 0 * logits.sum(1)


def first_class_only() -> None:
    @loss(**SAYS)
    def wrong(context: TrainingContext) -> Any:
        """Weighs the class of number 0, whichever that is."""
        weight = torch.ones(context.n_classes)
        weight[0] = 9
        return lambda logits, targets: torch.nn.functional.cross_entropy(logits, targets, weight, reduction="none")


def batch_wise() -> None:
    @loss(**SAYS)
    def wrong(context: TrainingContext) -> Any:
        """Scales by the batch's largest loss."""

        def scaled(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
            losses = torch.nn.functional.cross_entropy(logits, targets, reduction="none")
            return losses / losses.max().detach()

        return scaled


def half_targets() -> None:
    @mixer(**SAYS)
    def wrong(context: TrainingContext) -> Any:
        """Loses half of each target."""
        return lambda x, partner, targets, others, generator: ((x + partner) / 2, targets / 2)


def counts_its_calls() -> None:
    made: list[int] = []

    @schedule(**SAYS)
    def wrong(context: TrainingContext) -> Any:
        """Another one each time."""
        made.append(0)
        return (Stage(1.0, Phase(weighted=len(made) % 2 == 0)),)


def one_score() -> None:
    @decision(**SAYS)
    def wrong() -> Any:
        """One score a row."""
        return lambda logits, labels, prior: lambda scores: scores[:, 0]


def half_a_sentence() -> None:
    @loss(**SAYS)
    def wrong(context: TrainingContext) -> Any:
        """Says nothing"""
        return lambda logits, targets: torch.nn.functional.cross_entropy(logits, targets, reduction="none")


@pytest.mark.parametrize(
    ("define", "broken"),
    [
        (lost_class, "law_plans_are_well_formed"),
        (global_draws, "law_equal_seeds_give_equal_plans"),
        (only_pixels, "law_vectors_take_the_place_of_pixels"),
        (reads_all_rows, "law_only_training_rows_are_read"),
        (unrefused, "law_too_few_images_are_refused_beforehand"),
        (refused_late, "law_too_few_images_are_refused_beforehand"),
        (refused_without_reason, "law_too_few_images_are_refused_beforehand"),
        (misses_its_ratio, "law_counts_follow_sampling_strategy"),
        (mixes_unsaid, "law_plans_are_well_formed"),
        (remembers_epochs, "law_an_epoch_follows_from_its_number"),
        (longer_epochs, "law_an_epoch_follows_from_its_number"),
        (always_flips, "law_no_strength_changes_nothing"),
        (flips_in_place, "law_images_stay_images"),
        (mean_loss, "law_a_loss_a_row"),
        (batch_wise, "law_a_row_is_alone_unless_declared"),
        (wrong_sign, "law_gradients_flow"),
        (overflowing_loss, "law_extreme_logits_stay_finite"),
        (first_class_only, "law_classes_have_no_order"),
        (half_targets, "law_rows_and_targets_stay_what_they_are"),
        (counts_its_calls, "law_stages_make_a_whole_training"),
        (one_score, "law_scores_are_one_a_class"),
        (half_a_sentence, "law_what_is_shown_is_there"),
    ],
)
@pytest.mark.filterwarnings("ignore:invalid value encountered")
def test_what_is_wrong_breaks_its_law(define: Any, broken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    keep_registry(monkeypatch)
    define()
    component = COMPONENTS.get("wrong")
    assert component is not None
    (law,) = (law for law in LAWS[component.axis] if law.__name__ == broken)
    with pytest.raises(AssertionError, match=rf"^{broken} on {component.axis} 'wrong': "):
        run(law, component)
    with pytest.raises(AssertionError):
        check("wrong")


def test_what_is_right_keeps_the_laws_of_axes_without_components(monkeypatch: pytest.MonkeyPatch) -> None:
    keep_registry(monkeypatch)

    @mixer(label="Half", reference="here", share=FloatRange(0.1, 0.5, default=0.5))
    def half(context: TrainingContext, *, share: float) -> Any:
        """Rows mixed with their partners by a fixed share."""
        return lambda x, partner, targets, others, generator: (
            torch.lerp(x, partner, share),
            torch.lerp(targets, others, share),
        )

    @schedule(label="Deferred", reference="here")
    def deferred(context: TrainingContext) -> Any:
        """Sampling and weighting in the second half."""
        return Stage(0.5, Phase(sampled=False, weighted=False), kept=False), Stage(0.5)

    @decision(label="Prior", reference="here")
    def prior_shift() -> Any:
        """Logits less the prior's logarithm."""
        return lambda logits, labels, prior: lambda given: given if prior is None else given - np.log(prior)

    for name in ("half", "deferred", "prior_shift"):
        check(name)
