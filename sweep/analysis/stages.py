"""A run of two stages as numbers: what the first found, what went on and why, and whether the second agrees."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from sweep.analysis.names import in_order
from sweep.analysis.results import Results
from sweep.analysis.statistics.paired import BASELINE
from sweep.runs.stages import decision_of, first_of

# With fewer pairs an interval of a rank correlation holds nearly all there is.
FEWEST_PAIRS = 10
_NORMAL_95 = 1.959963984540054


@dataclass(frozen=True)
class Agreement:
    """How the gains over the baseline rank in both stages, over the techniques that both tested.

    Args:
        techniques: how many.
        same_sign: how many of them gained in both, or lost in both.
        correlation: Spearman's; NaN with fewer than 3 techniques, or where one stage's gains are all equal.
        low, high: 95 % interval; NaN with fewer than ``FEWEST_PAIRS``.
    """

    techniques: int
    same_sign: int
    correlation: float
    low: float
    high: float


@dataclass(frozen=True)
class TwoStages:
    """Both stages of a run.

    Args:
        first, second: their results; the second's are the run's own.
        decision: what the first decided (see ``sweep.planning.funnel.decide``); None before it did.
    """

    first: Results
    second: Results
    decision: dict[str, Any] | None

    @classmethod
    def of(cls, run: Results) -> TwoStages | None:
        """None of a run with one stage, or whose first has not begun."""
        first = first_of(run.run)
        return None if first is None else cls(Results(first), run, decision_of(run.run))

    @cached_property
    def table(self) -> pd.DataFrame:
        """What the first stage found of each technique, and how it went on.

        Returns:
            technique, goes_on_as ("" where it doesn't), why, validation (mean over seeds of the chosen configuration),
            seeds, test, test_low, test_high (95 %), difference, difference_low, difference_high (test, to the
            baseline), and of what it went on as, in the second stage: second_test, second_test_low, second_test_high,
            second_difference, second_difference_low, second_difference_high. NaN where there is no number. Those that
            were ranked first; what decides anew beneath.
        """
        ranked = [] if self.decision is None else self.decision["ranked"]
        rows = [
            {
                "technique": row["technique"],
                "goes_on_as": row["as"] or "",
                "why": row["why"],
                "validation": float(row["validation"]),
                "seeds": row["seeds"],
            }
            for row in ranked
        ]
        known = {row["technique"] for row in rows}
        if self.decision is None:
            rows += [
                {"technique": c["technique"], "goes_on_as": "", "why": "", "validation": c["mean"], "seeds": 0}
                for c in self.first.selection()
            ]
        elif self.first.decisions:
            rows += [self._decided(name) for name in in_order(self.first.decisions) if name not in known]
        table = pd.DataFrame(rows, columns=["technique", "goes_on_as", "why", "validation", "seeds"])
        for prefix, results, names in (
            ("", self.first, table["technique"]),
            ("second_", self.second, table["goes_on_as"]),
        ):
            for column, found in self._numbers(results).items():
                table[prefix + column] = names.map(found).astype(float)
        return table

    def _decided(self, name: str) -> dict[str, Any]:
        """The row of a technique that trains nothing."""
        assert self.decision is not None
        plain = name.replace("@features", "")
        form = next((one for one in self.decision["techniques"] if one in (name, plain)), "")
        why = "it trains nothing and follows what it decides on"
        return {"technique": name, "goes_on_as": form, "why": why, "validation": float("nan"), "seeds": 0}

    def _numbers(self, results: Results) -> dict[str, dict[str, float]]:
        """Column -> technique -> number."""
        tested, against = results.intervals(), results.differences()
        tested = tested[tested["metric"] == self.metric]
        found: dict[str, dict[str, float]] = {}
        for table, columns in (
            (tested, {"test": "mean", "test_low": "low", "test_high": "high"}),
            (against, {"difference": "difference", "difference_low": "low", "difference_high": "high"}),
        ):
            for column, name in columns.items():
                found[column] = dict(zip(table["technique"], table[name], strict=True)) if len(table) else {}
        return found

    @property
    def metric(self) -> str:
        """By which techniques were chosen."""
        return self.first.metric

    @cached_property
    def agreement(self) -> Agreement:
        """Over the techniques that both stages tested, but for the baseline and what trains nothing."""
        table = self.table
        both = table[(table["technique"] != BASELINE) & table["validation"].notna()]
        both = both[both["difference"].notna() & both["second_difference"].notna()]
        one, other = both["difference"].to_numpy(), both["second_difference"].to_numpy()
        return agreement(one, other)

    def openings(self) -> dict[str, list[dict[str, Any]]]:
        """Stage -> its openings of the test split."""
        return {"first": self.first.test_openings(), "second": self.second.test_openings()}


def agreement(one: np.ndarray, other: np.ndarray) -> Agreement:
    """How two stages' gains rank.

    The interval is Fisher's, with the variance of Bonett and Wright (Psychometrika 2000) for ranks:
    tanh(atanh(r) -+ 1.96 sqrt((1 + r ** 2 / 2) / (n - 3))).

    Args:
        one, other: (n,) gains over the baseline of the same techniques, in either stage.
    """
    n = len(one)
    same = int((np.sign(one) == np.sign(other)).sum())
    nan = float("nan")
    if n < 3 or len(set(one)) == 1 or len(set(other)) == 1:
        return Agreement(n, same, nan, nan, nan)
    r = float(np.corrcoef(pd.Series(one).rank(), pd.Series(other).rank())[0, 1])
    if n < FEWEST_PAIRS:
        return Agreement(n, same, r, nan, nan)
    middle = np.arctanh(np.clip(r, -1 + 1e-12, 1 - 1e-12))
    half = _NORMAL_95 * np.sqrt((1 + r**2 / 2) / (n - 3))
    return Agreement(n, same, r, float(np.tanh(middle - half)), float(np.tanh(middle + half)))
