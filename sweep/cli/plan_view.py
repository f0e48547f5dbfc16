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
from sweep.runs.network_name import NetworkName

if TYPE_CHECKING:
    from sweep.config.config import Config
    from sweep.planning.folds import FoldedInputs
    from sweep.planning.funnel import Stages


_MANY = 8  # techniques


def trials_table(found: CostEstimate) -> Table:
    """A line a configuration, with how many seeds it gets.

    With many techniques a shared hyperparameter that is the same in all trials is said once, above.
    """
    shared, title = shown(found.specs), f"{len(found.specs)} trials"
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
    for number, spec in enumerate(found.specs):
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
    kept = len(found.specs) * checkpoint_bytes(NetworkName.parse(first.network), first.hidden) / 1e9
    chosen = len({(spec.technique, spec.seed) for spec in found.specs})
    kept_of_folds = kept * (times - 1) * chosen / len(found.specs)
    trials = f"{len(found.specs) * times:,} trials in all {times} folds: " if times > 1 else ""
    seconds = found.seconds_of(times)
    return [
        Text(f"{trials}{total:,} training images in {times * sum(s.epochs for s in found.specs):,} epochs."),
        Text(
            f"Measured {found.images_per_second:,.0f} images/s on {found.device}: about {duration(seconds)} with "
            f"{found.slots} trial{'s' if found.slots > 1 else ''} at once, validation and start-up not counted."
        ),
        Text(
            f"At most {kept + kept_of_folds:.1f} GB of checkpoints while it runs; only those of chosen trials are kept."
        ),
    ]
