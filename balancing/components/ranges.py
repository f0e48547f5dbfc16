"""What values a technique's parameter may take, which of them a sweep searches, and how one is drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from balancing.errors import UserError


def _check_order(low: float, high: float, default: float, minimum: float | None, maximum: float | None) -> None:
    floor, ceiling = low if minimum is None else minimum, high if maximum is None else maximum
    if not floor <= low <= default <= high <= ceiling:
        raise ValueError(f"a range needs {floor} <= {low} <= {default} <= {high} <= {ceiling}")


@dataclass(frozen=True)
class IntRange:
    """Whole numbers from ``low`` to ``high``, both included, drawn uniformly.

    Args:
        low, high: what a sweep searches.
        default: what is taken where nothing is said.
        minimum, maximum: what a user may ask for explicitly; ``low`` and ``high`` where not given.
    Raises:
        ValueError: minimum <= low <= default <= high <= maximum does not hold.
    """

    low: int
    high: int
    default: int
    minimum: int | None = None
    maximum: int | None = None

    def __post_init__(self) -> None:
        _check_order(self.low, self.high, self.default, self.minimum, self.maximum)

    def check(self, name: str, value: Any) -> int:
        """The value as int; raises UserError where it is none or lies outside what may be asked for."""
        if isinstance(value, bool) or not isinstance(value, int | np.integer):
            raise UserError(f"{name} must be a whole number, but is {value!r}; give one such as {self.default}")
        floor = self.low if self.minimum is None else self.minimum
        ceiling = self.high if self.maximum is None else self.maximum
        if not floor <= value <= ceiling:
            raise UserError(f"{name} must lie in {floor}..{ceiling}, but is {value}; the default is {self.default}")
        return int(value)

    def draw(self, rng: np.random.Generator) -> int:
        return int(rng.integers(self.low, self.high, endpoint=True))


@dataclass(frozen=True)
class FloatRange:
    """Real numbers from ``low`` to ``high``, drawn uniformly, or uniformly in the logarithm.

    Args:
        low, high: what a sweep searches.
        default: what is taken where nothing is said.
        log: draw the logarithm uniformly; needs low > 0.
        minimum, maximum: what a user may ask for explicitly; ``low`` and ``high`` where not given.
    Raises:
        ValueError: minimum <= low <= default <= high <= maximum does not hold, or log with low <= 0.
    """

    low: float
    high: float
    default: float
    log: bool = False
    minimum: float | None = None
    maximum: float | None = None

    def __post_init__(self) -> None:
        _check_order(self.low, self.high, self.default, self.minimum, self.maximum)
        if self.log and self.low <= 0:
            raise ValueError(f"a logarithmic range needs low > 0, but low is {self.low}")

    def check(self, name: str, value: Any) -> float:
        """The value as float; raises UserError where it is none or lies outside what may be asked for."""
        if isinstance(value, bool) or not isinstance(value, int | float | np.number):
            raise UserError(f"{name} must be a number, but is {value!r}; give one such as {self.default}")
        floor = self.low if self.minimum is None else self.minimum
        ceiling = self.high if self.maximum is None else self.maximum
        if not floor <= value <= ceiling:
            raise UserError(f"{name} must lie in {floor}..{ceiling}, but is {value}; the default is {self.default}")
        return float(value)

    def draw(self, rng: np.random.Generator) -> float:
        if self.log:
            return float(np.exp(rng.uniform(np.log(self.low), np.log(self.high))))
        return float(rng.uniform(self.low, self.high))


@dataclass(frozen=True)
class Choice:
    """One of a few options, drawn with equal chances.

    Raises:
        ValueError: the default is not among the options.
    """

    options: tuple[Any, ...]
    default: Any

    def __post_init__(self) -> None:
        if self.default not in self.options:
            raise ValueError(f"the default {self.default!r} is not among the options {self.options}")

    def check(self, name: str, value: Any) -> Any:
        """The option equal to the value; raises UserError where there is none."""
        for option in self.options:
            # True == 1 and 1.0 == 1, but only the latter was meant as the option 1.
            if option == value and isinstance(option, bool) == isinstance(value, bool):
                return option
        known = ", ".join(map(str, self.options))
        raise UserError(f"{name} must be one of {known}, but is {value!r}; the default is {self.default}")

    def draw(self, rng: np.random.Generator) -> Any:
        return self.options[int(rng.integers(len(self.options)))]


Range = IntRange | FloatRange | Choice


@dataclass(frozen=True)
class Interval:
    """A range to draw from: uniform, or uniform in the logarithm. Written ``1e-4..1e-2`` by users."""

    low: float
    high: float
    log: bool = False

    def check_log(self, name: str, *, whole: bool) -> None:
        """Raises ValueError where ``log`` is asked for and can't be drawn: of whole numbers, or from 0 or below."""
        if self.log and whole:
            raise ValueError(f"{name} is drawn uniformly from whole numbers, so it has no logarithm; leave 'log' out")
        if self.log and self.low <= 0:
            raise ValueError(f"{name}: a logarithmic range must start above 0, but starts at {self.low:g}")
