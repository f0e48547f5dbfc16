"""A plan as the terminal shows it: the trials of a sweep and what they will cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from sweep.config.size import decided
from sweep.duration import duration
from sweep.hyperparameters import shown
from sweep.planning.estimate import CostEstimate
from sweep.planning.networks import checkpoint_bytes
from sweep.report.words.choices import unequal_choices
from sweep.runs.network_name import NetworkName

if TYPE_CHECKING:
    from sweep.config.config import Config
    from sweep.planning.folds import FoldedInputs
    from sweep.planning.funnel import Stages


_MANY = 8  # techniques


def trials_table(found: CostEstimate) -> Table:
    """A line a configuration, with how many seeds it gets.

    With many techniques a shared hyperparameter that is the same in all trials is said once, above. Trials that will
    confirm what others explore have a configuration that is not known yet, so they are no lines: ``confirming_lines``.
    """
    shared, title = shown(found.specs), f"{len(found.specs)} trials"
    explored = len(found.specs) - found.confirming
    if explored and found.confirming:
        title = f"{explored} trials explore"
    if len({spec.technique for spec in found.specs}) > _MANY:
        alike = [h for h in shared if len({getattr(spec, h.name) for spec in found.specs}) == 1]
        shared = tuple(h for h in shared if h not in alike)
        said = [f"{h.short or h.name} {h.plan_text.format(getattr(found.specs[0], h.name))}" for h in alike]
        title += f", all with {', '.join(said)}" if said else ""
    table = Table(box=None, pad_edge=False, title=title, title_justify="left")
    for name in ("draw", "technique", *(h.short or h.name for h in shared), "own parameters", "seeds", "images"):
        words = name in ("technique", "own parameters")
        # On a narrow terminal words go on in the next line; nothing is cut.
        table.add_column(name, justify="left" if words else "right", no_wrap=not words, overflow="fold")
    groups: dict[str, list[int]] = {}
    for number, spec in enumerate(found.specs[:explored] if explored else found.specs):
        groups.setdefault(spec.configuration_id, []).append(number)
    for numbers in groups.values():
        spec = found.specs[numbers[0]]
        table.add_row(
            str(spec.draw),
            spec.technique,
            *(h.plan_text.format(getattr(spec, h.name)) for h in shared),
            " ".join(f"{k}={_short(v)}" for k, v in spec.parameters.items()),
            str(len(numbers)),
            f"{int(found.images[numbers].sum()):,}",
        )
    return table


def confirming_lines(config: Config, found: CostEstimate) -> list[Text]:
    """A sentence on the fresh seeds that confirm; [] where none do."""
    seeds, explored = config.space.confirm, len(found.specs) - found.confirming
    many = f"{seeds} seed{'s' if seeds > 1 else ''}"
    if not found.confirming:
        return []
    if explored:
        said = (
            f"Then the configuration chosen on validation trains with {many} that are fresh, for each technique: "
            f"{found.confirming} trials, which alone speak; {len(found.specs)} in all."
        )
    else:
        said = f"There is one configuration a technique, so nothing to explore: its {many} are all there are."
    if config.sweep.until_decided:
        said += " At most: they train in rounds, and no more where the answer stands or can't come."
    return [Text(said)]


def choice_lines(found: CostEstimate) -> list[Text]:
    """A sentence where techniques have unequally many configurations to be chosen among; [] else."""
    said = unequal_choices(found.specs[: len(found.specs) - found.confirming])
    return [Text(said)] if said else []


def decided_lines(config: Config) -> list[Text]:
    """A sentence on the techniques that have no trials of their own; [] where each has."""
    names = ", ".join(decided(config))
    return [Text(f"Decided anew on the trials of what they decide on, without training: {names}.")] if names else []


def stage_lines(stages: Stages) -> list[Text]:
    """Of two stages: what stands above each one's trials, and how those that go on are chosen."""
    funnel = stages.config.funnel
    assert funnel is not None
    metric = stages.first.sweep.metric
    without = [name for name, form in stages.forms.items() if form is None]
    first = f"First stage: {len(stages.first.space.techniques)} techniques, in RUN/first."
    second = (
        f"Second stage: baseline and the best {funnel.keep} by {metric} on validation, end to end; here the first that "
        "can be stand for them."
    )
    if without:
        second += f" Without a form in the second stage: {', '.join(without)}."
    return [Text(first, style="bold"), Text(second, style="bold")]


def fold_line(folds: FoldedInputs) -> Text:
    """Of folds: what stands above the trials of the first."""
    k, repeats = folds.folds.folds, folds.folds.repeats
    again = f", cut {repeats} times" if repeats > 1 else ""
    return Text(f"{k} folds{again}: {k * repeats} sweeps, one after the other; here fold 1.", style="bold")


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def cost_table(found: CostEstimate, times: int = 1) -> list[Text]:
    """Sentences: images, time, room on disk.

    Args:
        times: how many such sweeps there will be, of folds.
    """
    total = int(found.images.sum()) * times
    first = found.specs[0]
    explored = len(found.specs) - found.confirming  # whose networks go when confirming begins
    each = checkpoint_bytes(NetworkName.parse(first.network), first.hidden) / 1e9
    chosen = found.confirming or len({(spec.technique, spec.seed) for spec in found.specs})
    kept = (max(explored, found.confirming) + (times - 1) * chosen) * each
    trials = f"{len(found.specs) * times:,} trials in all {times} folds: " if times > 1 else ""
    seconds = found.seconds_of(times)
    return [
        Text(f"{trials}{total:,} training images in {times * sum(s.epochs for s in found.specs):,} epochs."),
        Text(
            f"Measured {found.images_per_second:,.0f} images/s on {found.device}: about {duration(seconds)} with "
            f"{found.slots} trial{'s' if found.slots > 1 else ''} at once, validation and start-up not counted."
        ),
        Text(f"At most {kept:.1f} GB of checkpoints while it runs; only those of chosen trials are kept."),
    ]
