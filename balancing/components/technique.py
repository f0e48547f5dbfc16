"""A technique: a composition of components, one an axis, and what training asks of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from balancing.components.axes import (
    AXES,
    Augment,
    Head,
    Loss,
    Mix,
    Partnered,
    Schedule,
    Stage,
    Step,
    TrainingContext,
    TrainingData,
)
from balancing.components.feature_space import SIGN, placed, still_body
from balancing.components.ledger import Ledger, decided, log_frequencies, shift_of
from balancing.components.losses.effective_number import effective_weights
from balancing.components.named import Augmented
from balancing.components.plans import EpochPlans, TrainingPlan
from balancing.components.ranges import Range
from balancing.components.registry import COMPONENTS, Component, check_feasible
from balancing.errors import UserError, suggestion
from balancing.metrics import Gives

DEFAULT_AUGMENTATION = "rotate_flip"
# Shifts of log class frequencies that differ by less do not.
_EQUAL = 1e-9


@dataclass(frozen=True)
class Technique:
    """A technique, as the command line, the search space and the report know it.

    Args:
        name: as typed, e.g. ``borderline_smote`` or ``undersampling+class_weights``; parts in the order of the axes.
        label: as people read it.
        summary: one line.
        reference: where the method comes from.
        parts: its components, one an axis at most, in the order of the axes.
        augmented: what becomes of the augmentation strength that a sweep asks for; see ``strength``.
        colour: ``#rrggbb`` in figures; "" leaves the choice to them.
        trained_as: name of the technique whose trials its decision decides on anew; "" where it has no decision.
        on_features: the axes whose component works on the network's features; see ``feature_space``.
        still: it trains heads alone, behind a body that never changes, so that there are features from the start.
    """

    name: str
    label: str
    summary: str
    reference: str
    parts: tuple[Component, ...] = ()
    augmented: Augmented = "as asked"
    colour: str = ""
    trained_as: str = ""
    on_features: frozenset[str] = frozenset()
    still: bool = False

    @property
    def axes(self) -> tuple[str, ...]:
        """The axes on which it does something."""
        return tuple(part.axis for part in self.parts)

    @property
    def components(self) -> dict[str, str]:
        """Axis -> component where the name alone does not say what trains; see ``TrialSpec.components``."""
        said = len(self.parts) <= 1 and all(part.origin.own for part in self.parts)
        return {} if said else self.identities

    @property
    def identities(self) -> dict[str, str]:
        """Axis -> what trains on it: the component's identity, and the space that it works in."""
        return {part.axis: part.identity + self._space(part) for part in self.parts}

    def written(self, part: Component) -> str:
        """One of its components as it is typed: ``smote``, or ``smote@features``."""
        return part.name + self._space(part)

    def with_features(self, axis: str) -> Technique:
        """The same with that axis' component on features; named by its parts."""
        there = replace(self, on_features=self.on_features | {axis})
        return replace(there, name="+".join(there.written(part) for part in self.parts))

    def behind_frozen(self) -> Technique:
        """The same where the network's body never trains; under the same name."""
        return replace(self, still=True)

    def _space(self, part: Component) -> str:
        return f"{SIGN}features" if part.axis in self.on_features else ""

    @cached_property
    def parameters(self) -> dict[str, Range]:
        """Parameter -> its searched range with a default; ``component.parameter`` where several components train."""
        return {key: part.parameters[name] for key, part, name in self._keys()}

    def _keys(self) -> Iterator[tuple[str, Component, str]]:
        for part in self.parts:
            for name in part.parameters:
                yield (name if len(self.parts) == 1 else f"{part.name}.{name}"), part, name

    def key_of(self, given: str) -> str:
        """The parameter's key in ``parameters``; its bare name is enough where one component has such a parameter.

        Raises:
            UserError: there is none, or several.
        """
        if given in self.parameters:
            return given
        bare = [key for key, _, name in self._keys() if name == given]
        if len(bare) == 1:
            return bare[0]
        if not self.parameters:
            raise UserError(f"technique '{self.name}' has no parameters, but '{given}' was given; remove it")
        if bare:
            raise UserError(f"several components of '{self.name}' have a parameter '{given}'; say {' or '.join(bare)}")
        known = self.parameters if "." in given else {name: key for key, _, name in self._keys()}
        raise UserError(f"technique '{self.name}' has no parameter '{given}'{suggestion(given, known)}")

    def draw_key(self, key: str) -> str:
        """By what a parameter's draws are seeded: its bare name for samplers, ``axis.parameter`` for other axes.

        Techniques with the same parameter on the same axis share its draws; parameters of two axes never do.
        """
        part, name = next((part, name) for known, part, name in self._keys() if known == key)
        return name if part.axis == "sampler" else f"{part.axis}.{name}"

    def complete(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """All parameters, the missing ones at their defaults, each checked.

        Raises:
            UserError: an unknown parameter, or a value outside its range.
        """
        given = {self.key_of(name): value for name, value in parameters.items()}
        return {
            key: part.parameters[name].check(f"{part.name}.{name}", given.get(key, part.parameters[name].default))
            for key, part, name in self._keys()
        }

    def check_feasible(
        self,
        class_counts: Sequence[int] | np.ndarray,
        class_names: Sequence[str] = (),
        parameters: Mapping[str, Any] | None = None,
    ) -> None:
        """Whether there are images enough; looks at counts alone, so it costs nothing before a sweep.

        Args:
            class_counts: (C,) int, training images of each class.
            class_names: (C,) for messages; labels are shown where it is empty.
            parameters: as for ``complete``.
        Raises:
            UserError: a class has no training image or too few, or ``complete`` raises.
        """
        complete = self.complete(parameters or {})
        check_feasible([(part, self.own(part, complete)) for part in self.parts], class_counts, class_names)

    def build(self, data: TrainingData, random_state: int, **parameters: Any) -> TrainingPlan:
        """The training plan; of a sampler that draws anew in each epoch, the first epoch's.

        Args:
            data: T training rows.
            random_state: 0..2**32-1; means what it means to imbalanced-learn, so that equal seeds give equal samples.
            parameters: as for ``complete``; those of other axes than the sampler's change nothing.
        Raises:
            UserError: as ``check_feasible``.
        """
        return self.plans(data, random_state, **parameters).of(1)

    def plans(self, data: TrainingData, random_state: int, **parameters: Any) -> EpochPlans:
        """The plan of each epoch; one and the same, where the sampler draws once. Arguments as for ``build``."""
        complete = self.complete(parameters)
        self.check_feasible(data.class_counts, data.class_names, complete)
        sampler = self.part("sampler")
        if sampler is None:
            labels = data.train_labels
            trains = labels == data.class_counts.argmax() if self.one_class else np.ones(len(labels), dtype=bool)
            made: TrainingPlan | EpochPlans = TrainingPlan.of_rows(data.rows[trains], labels[trains])
        else:
            made = sampler.build(data, random_state, **self.own(sampler, complete))
        return made if isinstance(made, EpochPlans) else EpochPlans.always(made)

    def loss(self, context: TrainingContext, **parameters: Any) -> Loss:
        """The loss; cross-entropy where no component says otherwise. Arguments as for ``build``."""
        from balancing.components.losses.cross_entropy import cross_entropy

        found: Loss | None = self._built("loss", context, parameters)
        return found or cross_entropy

    def augment(self, context: TrainingContext, **parameters: Any) -> Augment:
        """The augmentation; rotations and flips where no component says otherwise. Arguments as for ``build``."""
        found: Augment | None = self._built("augmentation", context, parameters)
        if found is None:
            component = COMPONENTS.get(DEFAULT_AUGMENTATION)
            assert component is not None
            found = component.build(context)
        return found

    def mix(self, context: TrainingContext, **parameters: Any) -> Mix | Partnered | None:
        """How rows are mixed with partners; None where no component says so. Arguments as for ``build``."""
        found: Mix | Partnered | None = self._built("mixer", context, parameters)
        return found

    def step(self, context: TrainingContext, **parameters: Any) -> Step | None:
        """The optimisation step; None where no component says otherwise than the optimizer. Arguments as ``build``."""
        found: Step | None = self._built("optimizer", context, parameters)
        return found

    @property
    def head(self) -> Head:
        """Of the network: what any component asks for."""
        asked = {part.head for part in self.parts}
        return next((head for head in ("distance", "cosine", "scaled") if head in asked), "linear")

    @property
    def one_class(self) -> bool:
        """Whether it trains on the rows of one class alone."""
        return any(part.one_class for part in self.parts)

    @property
    def gives(self) -> Gives:
        """What its answers are; see ``balancing.metrics.Gives``."""
        trained: Gives = "probabilities" if all(part.gives == "probabilities" for part in self.parts) else "scores"
        return after(trained, self.part("decision"))

    def schedule(self, context: TrainingContext, **parameters: Any) -> Schedule:
        """What trains when; everything all the time, where no component says otherwise. Arguments as for ``build``."""
        found: Schedule | None = self._built("schedule", context, parameters)
        stages = found or (Stage(1.0),)
        if self.still and not any(still_body(stage.phase) or stage.phase.space == "features" for stage in stages):
            return stages  # all of them train on features
        return placed(stages, sampler="sampler" in self.on_features, mixer="mixer" in self.on_features)

    def ledger(self, context: TrainingContext, **parameters: Any) -> Ledger:
        """What the technique is designed to do to the class prior: what its last stage does, then its decision.

        Args:
            context: with ``split_counts``, and the class counts of the technique's plan.
            parameters: as for ``complete``.
        """
        found = self.trained_ledger(context, **parameters)
        decision = self.part("decision")
        if decision is None:
            return found
        # Of mixed rows the answers are less sure, so a shift by what they carry counts for more than it says.
        shifts = decision.prior_effect != "kept" and found.carried is not None and np.ptp(found.carried) > _EQUAL
        unsure = shifts and self._mixes_last(context, parameters)
        carried = None if unsure else found.carried
        left = decided(decision.prior_effect, carried, found.split, self.own(decision, self.complete(parameters)))
        if left is not None:  # whatever trained
            return Ledger(found.split, left)
        return Ledger(found.split, None, found.unknown or (decision.name,), found.masses)

    def trained_ledger(self, context: TrainingContext, **parameters: Any) -> Ledger:
        """The same before its decision. Arguments as for ``ledger``."""
        assert context.split_counts is not None
        complete, last = self.complete(parameters), self.schedule(context, **parameters)[-1].phase
        trains = {"sampler": last.sampled and last.power is None, "mixer": last.mixed, "loss": last.weighted}
        log_split = log_frequencies(context.split_counts)
        if last.power is not None:  # as many rows as the split has
            shares = np.exp(last.power * log_split)
            counts = shares / shares.sum() * context.split_counts.sum()
        else:
            counts = context.class_counts if last.sampled else context.split_counts
        carried, unknown = log_frequencies(counts), []
        shifts: list[np.ndarray] = [] if last.reweight is None else [np.log(effective_weights(counts, last.reweight))]
        seen = replace(context, class_counts=counts)
        for part in self.parts:
            if AXES[part.axis].trains and trains.get(part.axis, True):
                scores = part.gives == "scores"  # which carry no class frequencies
                found = None if scores else shift_of(part.prior_effect, seen, self.own(part, complete))
                unknown += [part.name] if found is None else []
                shifts += [] if found is None else [found]
        for shift in shifts:
            carried = carried + shift
        if not unknown and self._mixes_last(context, parameters) and any(np.ptp(shift) > _EQUAL for shift in shifts):
            mixer = self.part("mixer")
            assert mixer is not None
            return Ledger(log_split, None, (mixer.name,), carried)
        return Ledger(log_split, None if unknown else carried, tuple(unknown))

    def _mixes_last(self, context: TrainingContext, parameters: Mapping[str, Any]) -> bool:
        """Whether its last stage mixes rows."""
        return self.part("mixer") is not None and self.schedule(context, **parameters)[-1].phase.mixed

    def _built(self, axis: str, context: TrainingContext, parameters: Mapping[str, Any]) -> Any:
        part = self.part(axis)
        return part.build(context, **self.own(part, self.complete(parameters))) if part else None

    def part(self, axis: str) -> Component | None:
        """The component on an axis, or None."""
        return next((part for part in self.parts if part.axis == axis), None)

    def own(self, part: Component, complete: Mapping[str, Any]) -> dict[str, Any]:
        """One component's parameters of the technique's complete ones, by their bare names."""
        return {name: complete[key] for key, owner, name in self._keys() if owner == part}

    def strength(self, asked: float) -> float:
        """The augmentation strength that a trial trains with, in 0..1, where the sweep asks for ``asked``."""
        if self.augmented == "never":
            return 0.0
        if self.augmented == "always" and asked == 0:
            return 1.0
        return asked


def after(given: Gives, decision: Component | None) -> Gives:
    """What answers are once a decision has decided on them; None leaves them as they are."""
    if given == "probabilities" or decision is None:
        return given
    return decision.of_scores or given
