"""Two stages of one run: what the first one trains, which techniques go on, decided on validation, and as what."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from balancing.components.axes import TrainingData
from balancing.components.conflicts import conflicts
from balancing.components.techniques import get_technique, training_of
from balancing.data.ingest import Bar, no_bar
from balancing.errors import UserError
from sweep.config.funnel import BASELINE
from sweep.planning.compositions import check_compositions
from sweep.planning.prepare import SweepInputs, Tell, prepare, unheard, without_impossible
from sweep.runs.files import now
from sweep.runs.run import Run

if TYPE_CHECKING:
    from sweep.config.config import Config

_FEATURES = "@features"


@dataclass(frozen=True)
class Stages:
    """Both stages of a run before the first has decided anything.

    Args:
        config: the run's own, with the techniques that the first stage has on these data.
        first: the first stage's.
        first_inputs: what it trains on.
        inputs: what the second trains on; its notes are of the data alone.
        forms: technique of the first stage -> its name in the second, or None.
        why_not: of those without one, why.
    """

    config: Config
    first: Config
    first_inputs: SweepInputs
    inputs: SweepInputs
    forms: Mapping[str, str | None]
    why_not: Mapping[str, str]

    @property
    def largest(self) -> Config:
        """A second stage of as many techniques as there can be, to ask for room and time by."""
        keep = self.config.funnel.keep if self.config.funnel else 0
        named = dict.fromkeys(form for form in self.forms.values() if form not in (None, BASELINE))
        trained = [name for name in named if name and not get_technique(name).trained_as]
        return second_stage(self.config, [BASELINE, *trained[:keep]])


def end_to_end(name: str) -> tuple[str | None, str]:
    """A technique's name where the whole network trains, and "", or None and why it has none.

    What works on features without a schedule that trains a head on them goes on as what it is in pixels.
    """
    technique = get_technique(name)
    refused = next((conflict for conflict in conflicts(technique) if conflict.refused), None)
    if refused is None:
        return technique.name, ""
    plain = name.replace(_FEATURES, "")
    try:
        found = get_technique(plain)
        if plain != name and not any(conflict.refused for conflict in conflicts(found)):
            return found.name, ""
    except UserError:
        pass
    return None, "it has no form where the whole network trains"


def second_stage(config: Config, techniques: Iterable[str]) -> Config:
    """The run's configuration with the techniques of its second stage, which have the parameters given for them.

    What is given for ``smote@features`` holds for ``smote`` too, unless that has its own.
    """
    names = list(techniques)
    given = dict(config.space.parameters)
    for name, own in config.space.parameters.items():
        form = end_to_end(name)[0]
        if form in names and form not in given:
            given[form] = own
    space = config.space.model_copy(update={"techniques": names, "parameters": given})
    return config.model_copy(update={"space": space})


def prepare_stages(config: Config, *, bar: Bar = no_bar, tell: Tell = unheard, run: Run | None = None) -> Stages:
    """Everything that can go wrong in either stage is asked for before the first begins.

    Raises:
        UserError: as ``prepare``, of either stage.
    """
    assert config.funnel is not None
    first = config.first_stage
    first_inputs = prepare(first, bar=bar, tell=tell, run=run)
    first = first_inputs.config or first
    config = _of_pool(config, first)
    inputs = prepare(second_stage(config, [BASELINE]), bar=bar, run=run)
    found = {name: end_to_end(name) for name in first.space.techniques}
    wanted = dict.fromkeys(form for form, _ in found.values() if form)
    asked = second_stage(config, wanted)
    asked = asked.model_copy(update={"space": asked.space.model_copy(update={"skip_infeasible": True})})
    possible, _ = without_impossible(asked, inputs.images, inputs.split)
    check_compositions(possible, _rows(inputs))
    kept = set(possible.space.techniques)
    forms = {name: form if form in kept else None for name, (form, _) in found.items()}
    why = {name: why or "these data rule it out end to end" for name, (_, why) in found.items() if not forms[name]}
    return Stages(config, first, first_inputs, inputs, forms, why)


def _of_pool(config: Config, first: Config) -> Config:
    """The configuration with the first stage's techniques written out, so that a resume has the same."""
    assert config.funnel is not None
    names = list(first.space.techniques)
    own = {**config.funnel.first, "space": {**config.funnel.first.get("space", {}), "techniques": names}}
    space = config.space.model_copy(update={"techniques": names})
    return config.model_copy(update={"space": space, "funnel": config.funnel.model_copy(update={"first": own})})


def _rows(inputs: SweepInputs) -> TrainingData:
    images = inputs.images
    return TrainingData(images.pixels, images.labels, inputs.split.train, images.n_classes, images.class_names)


def decide(first: Run, stages: Stages) -> dict[str, Any]:
    """Which techniques go on: those with the highest mean over seeds of the chosen configuration, on validation.

    Over the seeds that confirm, where some do. One that lost most of its seeds does not go on.
    Nothing of the test split is looked at. Equal means: by name. What trains nothing follows what it decides on.

    Returns:
        For run.json: ``time``, ``metric``, ``keep``, ``techniques`` (the second stage's), and ``ranked``, a list of
        ``technique``, ``validation``, ``seeds``, ``as`` (its name in the second stage, None where it doesn't go on) and
        ``why``.
    """
    assert stages.config.funnel is not None
    keep, metric = stages.config.funnel.keep, stages.first.sweep.metric
    ranked = sorted(first.selection(), key=lambda choice: (-choice["mean"], choice["technique"]))
    goes_on: dict[str, str] = {}  # name in the second stage -> technique of the first
    rows = []
    for choice in ranked:
        name = choice["technique"]
        form = stages.forms.get(name)
        if name == BASELINE:
            why, form = "it is what the others have to beat", BASELINE
        elif choice.get("metric", metric) != metric:
            why, form = f"it ranks without deciding, so it was chosen by {choice['metric']}, not by {metric}", None
        elif form is None:
            why = stages.why_not.get(name, "it has no form where the whole network trains")
        elif _lost_most(first, choice):
            why, form = f"of its seeds {len(choice['seeds'])} alone ended with a result", None
        elif form in goes_on:
            why, form = f"end to end it is the same as {_label(goes_on[form])}, which was ahead", None
        elif len(goes_on) >= keep:
            why, form = f"not among the best {keep}", None
        else:
            goes_on[form] = name
            why = f"among the best {keep}" + (f"; end to end it is {_label(form)}" if form != name else "")
        rows.append(
            {
                "technique": name,
                "validation": choice["mean"],
                "seeds": len(choice["seeds"]),
                "as": form,
                "why": why,
            }
        )
    return {
        "time": now(),
        "metric": metric,
        "keep": keep,
        "techniques": [BASELINE, *goes_on, *_decisions(stages, [BASELINE, *goes_on])],
        "ranked": rows,
    }


def _lost_most(first: Run, choice: Mapping[str, Any]) -> bool:
    """Whether fewer than half of the seeds that were to speak for a technique do: those lost may be the worst."""
    planned = sum(spec.configuration_id == choice["configuration"] for spec in first.specs())
    return bool(2 * len(choice["seeds"]) < choice.get("planned", planned))


def _label(name: str) -> str:
    return get_technique(name).label


def _decisions(stages: Stages, trained: list[str]) -> list[str]:
    """The techniques that train nothing, of which the second stage has what they decide on."""
    forms = (form for form in stages.forms.values() if form is not None)
    found = dict.fromkeys(form for form in forms if get_technique(form).trained_as)
    return [form for form in found if training_of(get_technique(form)).name in trained]


def second_inputs(stages: Stages, config: Config) -> tuple[SweepInputs, list[str]]:
    """What the second stage trains on, and what to tell of its techniques that was not told of the first."""
    warnings = check_compositions(config, _rows(stages.inputs))
    told = set(stages.first_inputs.notes)
    notes = (*stages.inputs.notes, *(line for line in warnings if line not in stages.inputs.notes))
    return replace(stages.inputs, config=config, notes=notes), [line for line in warnings if line not in told]
