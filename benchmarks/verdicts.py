"""How often the verdict is wrong, and how often it sees a real gain: simulated sweeps with known truth.

    python -m benchmarks.verdicts

A simulated sweep is a baseline and five techniques, S seeds each, on one test split. An image's score is what its class
and technique give it, plus what its patient and the image itself give it in every network (so networks err on the same
images), plus what the image gives in every network of one technique (techniques read some images differently: so it
matters which patients were tested), plus noise of its own in each network; a network also has a threshold of its own
(the swing from seed to seed).
A positive score decides for the positive class. The true balanced accuracy of a technique, over all patients and seeds,
follows by integration, so false winners, power and coverage are counted against truth. The code that judges is the
report's own. Beside it stand three usual ways: one run each, tested by McNemar's test without adjustment (what copied
notebooks do at best), the t-test over seeds, and the bootstrap that draws seeds with replacement.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import stats

from benchmarks.common import show
from benchmarks.few_patients import show_patients, show_unseen_kind
from sweep.analysis.statistics.bootstrap import weighted_metrics
from sweep.analysis.statistics.few_patients import FewPatients, patient_draws
from sweep.analysis.statistics.intervals import estimate, metric_estimate
from sweep.analysis.statistics.paired import compare
from sweep.analysis.statistics.power import detectable, seed_spread
from sweep.analysis.statistics.significance import significant
from sweep.analysis.statistics.tests import holm, mcnemar_exact

TECHNIQUES = 5
METRIC = "balanced_accuracy"
# Of the scores' parts, as standard deviations: patients, images (both the same for every network), noise of a network.
_PATIENT, _IMAGE, _NETWORK = 0.5, 0.5, 0.6


@dataclass(frozen=True)
class World:
    """What is simulated.

    Args:
        patients: (negative, positive) test patients; each has 1 to 3 images.
        seeds: S.
        swing: standard deviation over seeds of a network's threshold, in units of the scores' spread.
        gain: true gain in balanced accuracy of the first technique; the others equal the baseline.
        reading: standard deviation of what an image gives in every network of one technique.
        accuracy: the baseline's true balanced accuracy.
    """

    patients: tuple[int, int]
    seeds: int
    swing: float
    gain: float
    reading: float = 0.4
    accuracy: float = 0.8

    @property
    def total(self) -> float:
        """Standard deviation of all that is added to a score."""
        return float(np.sqrt(_PATIENT**2 + _IMAGE**2 + _NETWORK**2 + self.reading**2))

    def separation(self, accuracy: float) -> float:
        """Half the distance between the classes that gives this balanced accuracy over all patients and seeds.

        Scores and thresholds are normal, so accuracy = Phi(separation / sqrt(total^2 + threshold's variance)).
        """
        return float(stats.norm.ppf(accuracy) * self.total * np.hypot(1, self.swing))


def one_sweep(world: World, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """labels (N,), patients (N,), scores (techniques + 1, S, N); the baseline is first."""
    patients = np.repeat(np.arange(sum(world.patients)), rng.integers(1, 4, sum(world.patients)))
    labels = (patients >= world.patients[0]).astype(np.int64)
    shared = rng.normal(0, _PATIENT, sum(world.patients))[patients] + rng.normal(0, _IMAGE, len(labels))
    base, better = world.separation(world.accuracy), world.separation(world.accuracy + world.gain)
    sign = 2 * labels - 1
    scores = np.empty((TECHNIQUES + 1, world.seeds, len(labels)))
    for technique in range(TECHNIQUES + 1):
        apart = better if technique == 1 else base
        own = rng.normal(0, world.reading, len(labels)) + rng.normal(0, _NETWORK, (world.seeds, len(labels)))
        threshold = rng.normal(0, world.swing * world.total, (world.seeds, 1))
        scores[technique] = apart * sign + shared + own + threshold
    return labels, patients, scores


def differences_of(
    labels: np.ndarray, patients: np.ndarray, scores: np.ndarray, samples: int, rng: np.random.Generator
) -> tuple[dict[str, tuple[np.ndarray, np.ndarray]], FewPatients]:
    """As ``compare`` takes them: technique -> (values (S,), resampled (S, J + B)); and what few patients take away."""
    draws = patient_draws(labels, patients, samples, rng)
    weights = np.concatenate([np.ones((1, len(labels)), dtype=np.float32), draws.weights])
    found = np.empty((*scores.shape[:2], samples + 1))
    for technique, seed in np.ndindex(*scores.shape[:2]):
        decided = (scores[technique, seed] > 0).astype(np.int64)
        probabilities = np.eye(2)[decided]
        found[technique, seed] = weighted_metrics(labels, probabilities, 1, weights, areas=False)[METRIC]
    apart = found[1:] - found[0]
    few = draws.few.about(METRIC, 1, paired=True)
    return {str(i + 1): (apart[i, :, 0], apart[i, :, 1:]) for i in range(TECHNIQUES)}, few


def usual_ways(
    labels: np.ndarray, scores: np.ndarray, found: Mapping[str, tuple[np.ndarray, np.ndarray]], few: FewPatients
) -> list[set[str]]:
    """Winners by: one run each with McNemar's test; t-test over seeds; bootstrap of patients that draws seeds too."""
    right = (scores[:, 0] > 0) == (labels == 1)
    by_one = {t for t, (v, _) in found.items() if v[0] > 0 and mcnemar_exact(right[int(t)], right[0]) < 0.05}
    p = np.array([stats.ttest_1samp(values, 0).pvalue for values, _ in found.values()])
    by_t = {t for (t, (v, _)), q in zip(found.items(), holm(p), strict=True) if q < 0.05 and v.mean() > 0}
    rng = np.random.default_rng(0)
    q = []
    for _, every in found.values():
        resampled = few.parted(every)[1]
        seeds, samples = resampled.shape
        drawn = resampled[rng.integers(0, seeds, (seeds, samples)), np.arange(samples)].mean(axis=0)
        q.append(min(1.0, 2 * min((drawn <= 0).mean(), (drawn >= 0).mean())))
    adjusted = holm(np.array(q))
    by_drawn = {t for (t, (v, _)), p in zip(found.items(), adjusted, strict=True) if p < 0.05 and v.mean() > 0}
    return [by_one, by_t, by_drawn]


def simulate(world: World, repeats: int, samples: int, seed: int) -> dict[str, float]:
    """Rates over ``repeats`` simulated sweeps.

    Returns:
        false (a technique that is no better is named), power (the better one is named; NaN without a gain), coverage
        (of the differences' 95 % intervals), half_width (their median), spread (median standard deviation of the
        difference over seeds), told (the gain that ``detectable`` promises to see with 80 %), and false_ and power_ of
        the usual ways.
    """
    truth = {"1": world.gain} if world.gain else {}
    names = ["false", "one", "t", "drawn"]
    false, seen = dict.fromkeys(names, 0), dict.fromkeys(names, 0)
    covered, widths, spreads, told = 0, [], [], []
    for number in range(repeats):
        rng = np.random.default_rng([seed, number])
        labels, patients, scores = one_sweep(world, rng)
        found, few = differences_of(labels, patients, scores, samples, rng)
        table = compare(found, few)
        expected = table["technique"].map(truth).fillna(0.0)
        covered += int(((table["low"] <= expected) & (expected <= table["high"])).sum())
        widths.append(float((table["high"] - table["low"]).median()) / 2)
        spreads.append(float(table["seed_sd"].median()))
        row = table.iloc[0]
        sd, se, all_sd = (float(row[name]) for name in ("seed_sd", "patient_se", "patient_sd"))
        spread_sd, freedom = seed_spread(sd, se, all_sd, world.seeds), float(row["patient_freedom"])
        told.append(detectable(spread_sd, se, world.seeds, TECHNIQUES, freedom=freedom))
        winners = [set(significant(table)["technique"]), *usual_ways(labels, scores, found, few)]
        for name, named in zip(names, winners, strict=True):
            false[name] += bool(named - set(truth))
            seen[name] += bool(named & set(truth))
    power = {name: count / repeats if truth else float("nan") for name, count in seen.items()}
    return {
        "false": false["false"] / repeats,
        "power": power["false"],
        "coverage": covered / (TECHNIQUES * repeats),
        "half_width": float(np.median(widths)),
        "spread": float(np.median(spreads)),
        "told": float(np.median(told)),
        **{f"false_{name}": false[name] / repeats for name in names[1:]},
        **{f"power_{name}": power[name] for name in names[1:]},
    }


def rate_coverage(patients: int, share: float, seeds: int, repeats: int, samples: int, seed: int) -> list[float]:
    """How often the 95 % interval of a technique's own recall holds the truth.

    A patient has one image; what a network finds hangs half on the patient and half on the network.

    Returns:
        share of the sweeps with the plain bootstrap over patients and seeds, and with exact limits near the ceiling.
    """
    held = np.zeros(2)
    cut = stats.norm.ppf(share)
    for number in range(repeats):
        rng = np.random.default_rng([seed, number])
        found = rng.normal(0, np.sqrt(0.5), patients) + rng.normal(0, np.sqrt(0.5), (seeds, patients)) < cut
        weights = rng.multinomial(patients, np.full(patients, 1 / patients), size=samples)
        values, resampled = {"recall": found.mean(axis=1).tolist()}, {"recall": found @ weights.T / patients}
        plain = estimate(values["recall"], resampled["recall"])
        ours = metric_estimate("recall", values, resampled, {"recall": patients, "fewest": patients})
        held += [one.low <= share <= one.high for one in (plain, ours)]
    return (held / repeats).tolist()


def worlds() -> list[World]:
    official = (120, 200)
    found = [
        World(official, seeds, swing, gain) for swing in (0.1, 0.3) for gain in (0.0, 0.03) for seeds in (3, 5, 10)
    ]
    return [
        *found,
        World((400, 700), 5, 0.1, 0.03),
        World((40, 60), 5, 0.1, 0.0),
        World(official, 2, 0.3, 0.0),
        World(official, 5, 0.1, 0.0, reading=0.0),
        World(official, 10, 0.1, 0.0, reading=0.8),
    ]


def show_rates(repeats: int, samples: int, seed: int) -> None:
    """Coverage of the intervals of rates, up to the ceiling."""
    lines = []
    for patients in (30, 120, 390):
        for share in (0.8, 0.97, 0.998):
            for seeds in (3, 5):
                plain, ours = rate_coverage(patients, share, seeds, repeats, samples, seed)
                lines.append([patients, seeds, f"{share:g}", f"{plain:.1%}", f"{ours:.1%}"])
    show(
        f"95 % intervals of a technique's recall on {repeats:,} simulated sweeps",
        [
            "patients of the class",
            "seeds",
            "true recall",
            "bootstrap over patients and seeds alone",
            "as in the report",
        ],
        lines,
    )


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--repeats", type=int, default=1000, help="simulated sweeps of each kind")
    parser.add_argument("--samples", type=int, default=500, help="bootstrap samples of each")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--parts", default="verdict,rates,patients")
    given = parser.parse_args(arguments)
    if "rates" in given.parts:
        show_rates(given.repeats, given.samples, given.seed)
    if "patients" in given.parts:
        show_patients(given.repeats, given.samples, given.seed)
        show_unseen_kind(given.repeats, given.samples, given.seed)
    if "verdict" not in given.parts:
        return
    lines, usual = [], []
    for world in worlds():
        r = simulate(world, given.repeats, given.samples, given.seed)
        kind = [
            sum(world.patients),
            world.seeds,
            f"{r['spread']:.3f}",
            f"{world.reading:.1f}",
            f"{world.gain:+.2f}" if world.gain else "none",
        ]
        power = "" if np.isnan(r["power"]) else f"{r['power']:.0%}"
        lines.append(
            [*kind, f"{r['false']:.1%}", power, f"{r['coverage']:.1%}", f"{r['half_width']:.3f}", f"{r['told']:.3f}"]
        )
        ways = []
        for name in ("one", "t", "drawn"):
            ways += [f"{r[f'false_{name}']:.1%}", "" if np.isnan(r["power"]) else f"{r[f'power_{name}']:.0%}"]
        usual.append([*kind, *ways])
    head = ["test patients", "seeds", "sd over seeds", "own reading", "true gain of one"]
    show(
        f"The verdict on {given.repeats:,} simulated sweeps of a baseline and {TECHNIQUES} techniques each",
        [*head, "names a false winner", "names the true one", "coverage of 95 % intervals", "half width",
         "promised at 80 %"],
        lines,
        ["sd over seeds: of the paired difference in balanced accuracy, median. Own reading: sd of what an image gives "
         "in all networks of one technique, where a network's own noise has 0.6. Promised at 80 %: the gain that a "
         "report of such a sweep says it could tell from chance with 80 % power (median)."],
    )  # fmt: skip
    show(
        "The usual ways, on the same sweeps: false winners and power",
        [*head, "one run, McNemar: false", "power", "t-test over seeds: false", "power", "seeds drawn: false", "power"],
        usual,
    )


if __name__ == "__main__":
    main()
