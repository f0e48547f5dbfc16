"""The numbers that every technique is trained with: one line each, which configuration, command line, draws, searches,
specs, records, figures and tables read. A new one needs a line here, and one where it is used."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    from balancing.components.ranges import Interval


@dataclass(frozen=True)
class Hyperparameter:
    """A number that all techniques share.

    Args:
        name: key of the section ``space``, field of a trial's spec, column of tables.
        kind: int or float.
        default: where a configuration says nothing.
        label: as a report names it.
        help: of the command line's option.
        least, above, most: what a user may ask for: at least ``least``, or more than ``above``; at most ``most``.
        log: drawn uniformly in the logarithm, and drawn so in figures.
        heading: of a column in the report; the label where not given.
        short: of a column in the terminal; the name where not given.
        text, plan_text: formats of a value in the report and in the plan.
        later: came after the first release. Where it has its default it is neither recorded nor part of a trial's id,
            and no table shows it.
    """

    name: str
    kind: type[int] | type[float]
    default: float
    label: str
    help: str
    most: float
    least: float | None = None
    above: float | None = None
    log: bool = False
    heading: str = ""
    short: str = ""
    text: str = "{:.3g}"
    plan_text: str = "{:.3g}"
    later: bool = True

    def check(self, value: float) -> None:
        """Raises ValueError where a value is out of bounds, or is no whole number and must be."""
        low_enough = value <= self.most and (self.least is None or value >= self.least)
        if not low_enough or (self.above is not None and value <= self.above):
            bound = f"above {self.above:g}" if self.above is not None else f"at least {self.least:g}"
            raise ValueError(f"space.{self.name} must be {bound} and at most {self.most:g}, but is {value:g}")
        if self.kind is int and value != int(value):
            raise ValueError(f"space.{self.name} must be a whole number, but is {value:g}")

    def range(self, values: Interval) -> Interval:
        """A range as this hyperparameter is drawn from it.

        Raises:
            ValueError: the logarithm is drawn, and the range starts at 0 or below, or holds whole numbers.
        """
        if self.log and values.low <= 0:
            raise ValueError(f"a {self.label.lower()} must be above 0, but the range starts at {values.low:g}")
        values.check_log(f"space.{self.name}", whole=self.kind is int)
        return replace(values, log=self.log or values.log)

    def logarithmic(self, values: Iterable[float]) -> bool:
        """Whether values stand on an axis by their logarithms: where that is how they are drawn, and none is 0."""
        return self.log and all(value > 0 for value in values)

    def scaled(self, values: Iterable[float]) -> np.ndarray:
        """Values, (N,) float64, as they stand on an axis."""
        import numpy as np  # here: the command line reads the table too, and `--help` answers at once

        numbers = np.asarray(values, dtype=float)
        return np.log10(numbers) if self.logarithmic(numbers) else numbers


HYPERPARAMETERS = (
    Hyperparameter(
        name="lr",
        kind=float,
        default=1e-3,
        label="Learning rate",
        help="0.001, a list 0.001,0.01, or a range 1e-4..1e-2.",
        above=0.0,
        most=10.0,
        log=True,
        plan_text="{:.2e}",
        later=False,
    ),
    Hyperparameter(
        name="epochs",
        kind=int,
        default=5,
        label="Epochs",
        help="Number, list or range.",
        least=1,
        most=10_000,
        text="{:,}",
        plan_text="{}",
        later=False,
    ),
    Hyperparameter(
        name="strength",
        kind=float,
        default=0.0,
        label="Strength",
        help="Augmentation, 0..1: number, list or range.",
        least=0.0,
        most=1.0,
        text="{:.2g}",
        plan_text="{:.2f}",
        later=False,
    ),
    Hyperparameter(
        name="batch_size",
        kind=int,
        default=32,
        label="Batch size",
        help="Number or list.",
        least=2,
        most=65_536,
        heading="Batch",
        short="batch",
        text="{:,}",
        plan_text="{}",
        later=False,
    ),
    Hyperparameter(
        name="weight_decay",
        kind=float,
        default=0.0,
        label="Weight decay",
        help="Adam's L2 penalty: number, list or range 1e-6..1e-2.",
        least=0.0,
        most=1.0,
        log=True,
    ),
)


def shown(specs: Iterable[Any]) -> tuple[Hyperparameter, ...]:
    """Those that tables of some specs show: the first ones, and of the later ones which any trial has set.

    Args:
        specs: objects with an attribute of each one's name, such as ``sweep.runs.spec.TrialSpec``.
    """
    listed = list(specs)
    return tuple(h for h in HYPERPARAMETERS if not h.later or any(getattr(s, h.name) != h.default for s in listed))


def shown_in(columns: Iterable[str]) -> tuple[Hyperparameter, ...]:
    """Those that a table has a column of."""
    there = set(columns)
    return tuple(h for h in HYPERPARAMETERS if h.name in there)
