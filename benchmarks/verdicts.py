"""How often the verdict is wrong, and how often it sees a real gain: simulated sweeps with known truth.

    python -m benchmarks.verdicts
    python -m benchmarks.verdicts --parts usual,hard --worlds "3 seeds;one five times" --repeats 200
    python -m benchmarks.verdicts --out verdicts.jsonl     # and again, to go on after an interruption

A simulated sweep is a baseline and some techniques, S seeds each, on one test split: ``benchmarks.verdict_worlds``. The
true balanced accuracy of a technique, over all patients and seeds, follows by integration, so false winners, power and
coverage are counted against truth. The code that judges is the report's own; beside it stands what it was before seeds
were moderated, and the usual ways: ``benchmarks.verdict_sweeps``.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import optimize, stats

from benchmarks.common import cores, show
from benchmarks.few_patients import show_patients, show_unseen_kind
from benchmarks.verdict_folds import fold_worlds, show_folds
from benchmarks.verdict_jobs import Jobs
from benchmarks.verdict_lists import equivalence_worlds, explored_worlds, hard_worlds, promise_worlds, usual_worlds
from benchmarks.verdict_promise import promise
from benchmarks.verdict_rates import show_rates
from benchmarks.verdict_rounds import round_worlds, show_rounds
from benchmarks.verdict_sweeps import LEVEL, USUAL, judged, judged_alone
from benchmarks.verdict_worlds import World

_MEDIANS = ("half_width", "half_width_before", "promised", "promised_before", "seed_sd")
PARTS = ("usual", "hard", "explored", "equivalence", "promise", "rounds", "folds", "rates", "patients")


def dunnett_limit(techniques: int, level: float = LEVEL) -> float:
    """Beyond it none of T equal differences to one baseline lies with a chance of 1 - level, were variances known.

    Z_i = (X_i - X_0) / sqrt(2) of independent standard normals (Dunnett 1955).
    """
    x, h = np.linspace(-8, 8, 2001, retstep=True)

    def within(limit: float) -> float:
        apart = stats.norm.cdf(math.sqrt(2) * limit + x) - stats.norm.cdf(-math.sqrt(2) * limit + x)
        return float((stats.norm.pdf(x) * apart**techniques).sum() * h)

    return float(optimize.brentq(lambda limit: within(limit) - (1 - level), 0.5, 8))


def summary(outcomes: pd.DataFrame, techniques: int) -> dict[str, float]:
    """Rates over sweeps: means of what happened, medians of widths; NaN counts as not asked.

    ``power_known``: of a test of the same estimates that knew how much they vary over sweeps.
    """
    found = {
        str(name): float(column.median() if name in _MEDIANS else column.mean()) for name, column in outcomes.items()
    }
    sd = outcomes["error_first"].std()
    gains = outcomes["gain"].to_numpy()
    seen = stats.norm.cdf(gains / sd - dunnett_limit(techniques))
    return found | {"error_sd": float(sd), "power_known": float(np.where(gains > 0, seen, 0.0).mean())}


def simulate(world: World, repeats: int, jobs: Jobs, *, usual: bool = False) -> dict[str, float]:
    """Rates over ``repeats`` simulated sweeps of a world: see ``verdict_sweeps.outcome``."""
    one = judged if usual else judged_alone
    found = jobs.line("verdict", world, repeats, lambda: summary(jobs.sweeps(one, world, repeats), world.techniques))
    return {name: math.nan if value is None else float(value) for name, value in found.items()}


def _percent(share: float, digits: int = 1) -> str:
    return "" if math.isnan(share) else f"{share:.{digits}%}"


def _number(value: float, digits: int = 3) -> str:
    return "" if math.isnan(value) else f"{value:.{digits}f}"


def _about(world: World, sweeps: float) -> list[Any]:
    patients = f"{sum(world.patients):,}" if min(world.patients) > 20 else " + ".join(map(str, world.patients))
    seeds: Any = world.seeds
    if world.exploration is not None:
        seeds = world.exploration.fresh or world.exploration.seeds
    return [world.name, patients, world.techniques, seeds, f"{sweeps:,.0f}"]


_ABOUT = ["world", "test patients", "techniques", "seeds", "sweeps"]


def show_errors(title: str, worlds: Sequence[World], repeats: int, jobs: Jobs, *, usual: bool) -> None:
    """What is said now, before, and in the usual ways, on the same sweeps."""
    lines, others = [], []
    for world in worlds:
        r = simulate(world, repeats, jobs, usual=usual)
        gained = bool(world.gains)
        line = [*_about(world, r["sweeps"]), _number(r["seed_sd"])]
        for way, end in (("before", "_before"), ("now", "")):
            line += [_percent(r[f"false_winner_{way}"]), _percent(r[f"false_loser_{way}"])]
            line += [_percent(r[f"power_{way}"], 0) if gained else ""]
            line += [_percent(r[f"covered{end}"]), _number(r[f"half_width{end}"])]
        lines.append([*line, _percent(r["power_known"], 0) if gained else ""])
        ways = []
        for name in USUAL if usual else ():
            both = (r[f"false_winner_{name}"], r[f"power_{name}"])
            ways += [_percent(both[0]), _percent(both[1], 0) if gained else ""]
        others.append([*_about(world, r["sweeps"]), *ways])
    measures = ["false winner", "false loser", "power", "coverage", "half width"]
    show(
        f"{title}",
        [*_ABOUT, "sd over seeds", *(f"before: {name}" for name in measures), *measures, "power if all were known"],
        lines,
        ["False winner: one or more techniques that are truly no better are named (2.5 % is allowed); false loser "
         "likewise. Power: the technique that is truly better by 0.03 is named. Sd over seeds: of the paired "
         "difference, median over techniques. Coverage: of the 95 % intervals; half width: their median. Power if all "
         "were known: of the same estimates, held against how much they truly vary, by Dunnett's limit."],
    )  # fmt: skip
    if not usual:
        return
    show(
        f"{title}: the usual ways on the same sweeps, false winners and power",
        [
            *_ABOUT,
            "one run, McNemar: false",
            "power",
            "t-test over seeds: false",
            "power",
            "seeds drawn: false",
            "power",
        ],
        others,
    )


def show_explored(worlds: Sequence[World], repeats: int, jobs: Jobs) -> None:
    """Configurations chosen on validation, and whose seeds speak."""
    lines = []
    for world in worlds:
        r = simulate(world, repeats, jobs)
        assert world.exploration is not None
        line = [world.name, f"{r['sweeps']:,.0f}", world.exploration.trials(world.techniques)]
        for way, end in (("before", "_before"), ("now", "")):
            line += [_percent(r[f"false_winner_{way}"]), _percent(r[f"false_loser_{way}"])]
            line += [_percent(r[f"power_{way}"], 0) if world.gains else "", _percent(r[f"covered{end}"])]
        line += [_percent(r["power_known"], 0) if world.gains else "", _number(r["half_width"])]
        lines.append([*line, f"{r['error_last']:+.3f}"])
    measures = ["false winner", "false loser", "power", "coverage"]
    show(
        "Configurations chosen on validation",
        ["world", "sweeps", "trials", *(f"before: {name}" for name in measures), *measures, "power if all were known",
         "half width", "mean error, last"],
        lines,
        ["8 x 3: 8 configurations of each technique (and of the baseline) with 3 seeds each; those of the chosen one "
         "speak. 8 x 1 + 10: one seed each, then 10 fresh seeds of the chosen one, which alone speak. The true "
         "difference is that between the chosen configurations. Mean error: estimate less truth, of the last "
         "technique's difference."],
    )  # fmt: skip


def show_equivalence(worlds: Sequence[World], repeats: int, jobs: Jobs) -> None:
    """How often equal techniques are called equivalent, and techniques at the margin."""
    lines = []
    for world in worlds:
        r = simulate(world, repeats, jobs)
        lines.append([
            *_about(world, r["sweeps"]), world.margin, _percent(r["equivalent"]), _percent(r["false_equivalent"]),
            _percent(r["all_equivalent"]), _number(r["half_width"]),
        ])  # fmt: skip
    show(
        "Equivalence",
        [*_ABOUT, "margin", "equal techniques called equivalent", "techniques at the margin called so",
         "all of them called so", "half width"],
        lines,
    )  # fmt: skip


def show_promises(worlds: Sequence[World], repeats: int, jobs: Jobs) -> None:
    """The promised gain against the true one."""
    lines = []
    for world in worlds:
        r = jobs.line("promise", world, repeats, lambda world=world: promise(world, repeats, jobs))  # type: ignore[misc]
        line = _about(world, r["sweeps"])
        for end in ("_before", ""):
            true, error = r[f"true{end}"], r[f"error{end}"]
            line += [_number(r[f"promised{end}"])]
            line += ["" if math.isnan(true) else f"{true:.3f} ± {1.96 * error:.3f}"]
            line += ["" if math.isnan(true) else f"{r[f'promised{end}'] / true - 1:+.0%}"]
        lines.append([*line, f"{r['promised_low']:.3f} to {r['promised_high']:.3f}"])
    show(
        "The gain that is seen with 80 % power",
        [*_ABOUT, "before: promised", "true", "off by", "promised", "true", "off by", "80 % of promises"],
        lines,
        ["Promised: what a report says (median). True: in each sweep the first technique has another gain; the one "
         "that is seen with 80 % power follows by probit regression, with its 95 % interval."],
    )  # fmt: skip


def chosen(worlds: Sequence[World], names: Sequence[str]) -> list[World]:
    """Those of these names; all without any."""
    return [world for world in worlds if not names or world.name in names]


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--repeats", type=int, default=1000, help="simulated sweeps of each kind")
    parser.add_argument("--samples", type=int, default=500, help="bootstrap samples of each")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--parts", default=",".join(PARTS), help="tables: %(default)s")
    parser.add_argument("--worlds", default="", help="names of worlds, with ; between them (all)")
    parser.add_argument("--jobs", type=int, default=cores(), help="processes (%(default)s)")
    parser.add_argument("--out", type=Path, help="JSON lines of what is done, to go on from")
    parser.add_argument("--kept", action="store_true", help="show what --out holds (no rates, no patients)")
    given = parser.parse_args(arguments)
    parts, names = given.parts.split(","), [name for name in given.worlds.split(";") if name]
    if unknown := set(parts) - set(PARTS):
        parser.error(f"--parts: {', '.join(sorted(unknown))} is none of {', '.join(PARTS)}")
    lists: dict[str, Callable[[], list[World]]] = {
        "usual": usual_worlds,
        "hard": hard_worlds,
        "explored": explored_worlds,
        "equivalence": equivalence_worlds,
        "promise": promise_worlds,
    }
    worlds = {part: chosen(lists[part](), names) for part in parts if part in lists}
    folded = [world for world in fold_worlds() if "folds" in parts and (not names or world.name in names)]
    staged = [rounds for rounds in round_worlds() if "rounds" in parts and (not names or rounds.name in names)]
    known = {world.name for worlds in lists.values() for world in worlds()}
    known |= {world.name for world in fold_worlds()} | {rounds.name for rounds in round_worlds()}
    if unknown := set(names) - known:
        parser.error(f"--worlds: {'; '.join(sorted(unknown))} is none of {'; '.join(sorted(known))}")
    if given.kept and not (given.out and given.out.exists()):
        parser.error("--kept shows what --out holds; give a file that exists")
    with Jobs(given.jobs, given.samples, given.seed, given.out, kept=given.kept) as jobs:
        shown = {part: jobs.wanted("promise" if part == "promise" else "verdict", own) for part, own in worlds.items()}
        for part, title in (("usual", "Sweeps as a rule"), ("hard", "Hard worlds")):
            if shown.get(part):
                show_errors(title, shown[part], given.repeats, jobs, usual=part == "usual")
        for part, table in (("explored", show_explored), ("equivalence", show_equivalence), ("promise", show_promises)):
            if shown.get(part):
                table(shown[part], given.repeats, jobs)
        if staged:
            show_rounds(staged, given.repeats, jobs)
        if folded := jobs.wanted("folds", folded):
            show_folds(folded, given.repeats, jobs)
        if "rates" in parts and not given.kept:
            show_rates(given.repeats, jobs)
        if "patients" in parts and not given.kept:
            show_patients(given.repeats, jobs)
            show_unseen_kind(given.repeats, jobs)


if __name__ == "__main__":
    main()
