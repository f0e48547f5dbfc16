"""A finished run as it is judged now, and as it was before seeds were moderated.

    python -m benchmarks.verdict_run RUN

Before: each technique by its own seeds alone (Student's t), adjusted by Holm. Now: variances over seeds held against
each other's, adjusted together. The same networks, patients and bootstrap samples.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from benchmarks.verdict_before import before
from sweep.analysis.folds import results_of
from sweep.analysis.names import display_name, in_order
from sweep.analysis.results import Results
from sweep.analysis.statistics.few_patients import FewPatients
from sweep.analysis.statistics.paired import BASELINE, Resampled
from sweep.analysis.statistics.tests import holm
from sweep.runs.run import Run


def main() -> None:
    """Prints a table, a row a technique."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="a finished run whose test split was opened")
    print("\n".join(rows_of(results_of(Run(parser.parse_args().run)))))


def rows_of(run: Results) -> list[str]:
    """The table, as Markdown."""
    known = run.resampled()
    differences, few = _differences(known, run.metric, run.positive)
    then, now = before(differences, few), run.differences().set_index("technique")
    adjusted, named = holm(then.p), then.named()
    rows = [
        f"{run.metric}, {len(next(iter(differences.values()))[0])} seeds",
        "",
        "| technique | difference | before: 95 % | p (Holm) | told | now: 95 % | p (adjusted) | told | half width |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for place, technique in enumerate(differences):
        row = now.loc[technique]
        old, new = then.high[place] - then.low[place], row["high"] - row["low"]
        told = row["p_adjusted"] < 0.05 and not row["low"] <= 0 <= row["high"]
        rows.append(
            f"| {display_name(technique)} | {row['difference']:+.3f} "
            f"| {then.low[place]:+.3f} to {then.high[place]:+.3f} "
            f"| {adjusted[place]:.3f} | {'yes' if named[place] else 'no'} | {row['low']:+.3f} to {row['high']:+.3f} "
            f"| {row['p_adjusted']:.3f} | {'yes' if told else 'no'} | {new / old:.2f} of before |"
        )
    return rows


def _differences(
    known: dict[tuple[str, int], Resampled], metric: str, positive: int | None
) -> tuple[dict[str, tuple[np.ndarray, np.ndarray]], FewPatients]:
    """Technique -> its values less the baseline's, seed by seed, and the same in each bootstrap sample."""
    found = {}
    for technique in in_order(name for name, _ in known if name != BASELINE):
        seeds = [seed for name, seed in known if name == technique and (BASELINE, seed) in known]
        both = [(known[technique, seed], known[BASELINE, seed]) for seed in seeds]
        values = np.array([own.values[metric] - base.values[metric] for own, base in both])
        found[technique] = (values, np.stack([own.resampled[metric] - base.resampled[metric] for own, base in both]))
    few = next(iter(known.values())).few.about(metric, positive, paired=True)
    return found, few


if __name__ == "__main__":
    main()
