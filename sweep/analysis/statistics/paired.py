"""Intervals of every number on the test split, and paired comparison with the baseline.

What is asked: does a technique, trained with another seed and tested on other patients of the same kind, beat the
baseline? So both sources of chance are in each interval (``intervals.estimate``), and the comparison is
paired: the same seeds, the same patients.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy import stats

from balancing.data.patients import FEWEST
from balancing.metrics import METRICS, RANKING, can_tell, decide
from sweep.analysis.names import in_order
from sweep.analysis.statistics.distributions import of_patients
from sweep.analysis.statistics.few_patients import FewPatients, PatientDraws, patient_draws
from sweep.analysis.statistics.folds import evaluated, weighted, widening
from sweep.analysis.statistics.intervals import Estimate, estimate, metric_estimate, n_patients
from sweep.analysis.statistics.max_t import FEWEST_SAMPLES, Chance, step_down
from sweep.analysis.statistics.predictions import Predictions
from sweep.analysis.statistics.seed_prior import Numbers, SeedPrior, metric_priors
from sweep.analysis.statistics.seeds import SeedVariance
from sweep.analysis.statistics.tests import delong, holm, mcnemar_exact

BASELINE = "baseline"
CONFIDENCE = 0.95
# A difference below this matters to few; of a margin where the user states none.
RELEVANT = 0.02
# With fewer degrees of freedom of the patients' part, the bootstrap's own shape says nothing of how differences go
# together.
FEWEST_FREEDOM = 10.0
_SPREADS = ("seed_sd", "moderated_sd", "seed_freedom", "patient_se", "patient_sd")


@dataclass(frozen=True)
class Resampled:
    """One network on one part of the split, as it is and under draws of patients.

    Args:
        predictions: of the network.
        behind: how many patients stand behind a metric, see ``intervals.n_patients``.
        values: each metric on the part as it is; NaN where its answers have none (``balancing.metrics.can_tell``).
        resampled: each metric under each of ``few_patients.patient_draws``' weights, (J + B,) float64; the same for all
            networks on the same rows.
        few: of these draws.
    """

    predictions: Predictions
    behind: Mapping[str, float]
    values: Mapping[str, float]
    resampled: Mapping[str, np.ndarray]
    few: FewPatients


def resample(
    known: Mapping[tuple[str, int], Predictions], positive: int | None, seed: int, samples: int, *, areas: bool = True
) -> dict[tuple[str, int], Resampled]:
    """Every metric of every network under the same draws of patients.

    Args:
        known: (technique, seed) -> predictions.
        positive: its index for two classes, else None.
        seed: of the bootstrap.
        samples: B.
        areas: whether AUROC is wanted, which takes most of the time.
    """
    draws: dict[bytes, PatientDraws] = {}
    found = {}
    for name, own in known.items():
        key = own.rows.tobytes()
        if key not in draws:
            rng = np.random.default_rng(seed)
            draws[key] = patient_draws(own.labels, own.patients, samples, rng, widening(own.of_folds))
        drawn = weighted(own, positive, draws[key].weights, areas=areas)
        found[name] = Resampled(
            own,
            n_patients(own.labels, own.patients, positive),
            evaluated(own, positive),
            {m: of if can_tell(own.gives, m) else np.full(len(of), np.nan) for m, of in drawn.items()},
            draws[key].few,
        )
    return found


def metric_intervals(
    known: Mapping[tuple[str, int], Resampled], positive: int | None, metrics: Sequence[str] = METRICS
) -> pd.DataFrame:
    """Metrics of every technique with their intervals.

    Args:
        known: of ``resample``.
        positive: its index for two classes, else None.
    Returns:
        technique, metric, mean (over seeds), low, high (95 %, patients and seeds), seed_sd, patient_se, seeds.
    """
    rows, own_rows, behind = [], {}, {}
    for technique in in_order(name for name, _ in known):
        own = [trial for (name, _), trial in known.items() if name == technique]
        values = {name: [trial.values[name] for trial in own] for name in own[0].resampled}
        resampled = {name: np.stack([trial.resampled[name] for trial in own]) for name in own[0].resampled}
        own_rows[technique], behind[technique] = (values, resampled, own[0].few), own[0].behind
    variances = metric_priors(own_rows, metrics, positive)
    for technique, (values, resampled, few) in own_rows.items():
        for metric in metrics:
            given = (behind[technique], few, positive, variances[technique])
            found = metric_estimate(metric, values, resampled, *given)
            rows.append({"technique": technique, "metric": metric, **vars(found)})
    columns = ["technique", "metric", "mean", "low", "high", "seed_sd", "patient_se", "seeds"]
    return pd.DataFrame(rows, columns=columns)


def compare(
    differences: Mapping[str, tuple[np.ndarray, np.ndarray]],
    few: FewPatients | None = None,
    margin: float = RELEVANT,
    prior: SeedPrior | None = None,
    seeds: Mapping[str, Collection[int]] | None = None,
) -> pd.DataFrame:
    """Each technique's difference to the baseline over seeds and patients, adjusted together.

    Args:
        differences: technique -> ((S,) its value minus the baseline's, seed by seed; (S, B) the same in each bootstrap
            sample of patients).
        few: corrects for few patients, see ``estimate``; of the metric, paired.
        margin: > 0, within which a difference does not matter.
        prior: variances over seeds, ``SeedPrior.of_differences``; without it each row's own seeds tell its variance.
        seeds: technique -> the (S,) seeds of its values; None: whoever has fewer has them of those who have more.
    Returns:
        technique, seeds, difference (mean), low, high (95 %, in [-1, 1]: metrics lie in [0, 1]), p, p_holm, p_adjusted
        (what is judged by), adjustment (how: ``holm`` or ``max-t``), equivalence_p (two one-sided tests of a difference
        of ``margin`` or more, the larger; 1 where p is 1 for want of anything to judge by), margin, seed_sd,
        moderated_sd and seed_freedom (the standard deviation over seeds that the interval is made of, and its degrees
        of freedom), patient_se, patient_sd, patient_freedom (degrees of freedom of patient_se), fewest_patients (of a
        class; NaN where ``few`` is None). With one seed the interval holds patients alone and both p are 1; p is 1 too
        where every seed differs by the same amount (no spread over seeds to judge by), and with fewer than
        ``balancing.data.patients.FEWEST`` patients of a class.
    Reference: Schuirmann, Journal of Pharmacokinetics and Biopharmaceutics 15(6), 1987 (two one-sided tests).
    """
    rows, chances = [], []
    fewest = float("nan") if few is None else float(few.fewest)
    for technique, (values, resampled) in differences.items():
        of_seeds = None if prior is None else prior.of(technique)
        found = estimate(values, resampled, few, margin, of_seeds)
        row = {"technique": technique, "seeds": found.seeds, "difference": found.mean, "low": max(found.low, -1.0)}
        judged = np.isfinite(found.p) and not fewest < FEWEST
        row |= {"high": min(found.high, 1.0), "p": found.p if judged else 1.0, "fewest_patients": fewest}
        row |= {"equivalence_p": found.equivalence_p if judged else 1.0, "margin": margin}
        row |= {name: getattr(found, name) for name in _SPREADS}
        rows.append({**row, "patient_freedom": found.freedom})
        chances.append(_chance(found, values, resampled, few, of_seeds) if judged and found.p < 1 else None)
    columns = ["technique", "seeds", "difference", "low", "high", "p", *_SPREADS]
    columns += ["patient_freedom", "fewest_patients", "equivalence_p", "margin"]
    table = pd.DataFrame(rows, columns=columns)
    p = table["p"].to_numpy(dtype=float)
    by_holm = holm(p)
    adjusted, how = by_holm, "holm"
    together = [place for place, q in enumerate(p) if q < 1]
    known = [one for place in together if (one := chances[place]) is not None]
    if len(together) > 1 and len(known) == len(together):
        # Only the baseline's seeds that all have move all together.
        counts = table["seeds"].to_numpy()[together]
        judged_now = [] if seeds is None else [set(seeds[name]) for name in table["technique"].iloc[together]]
        common = len(set.intersection(*judged_now)) if judged_now else int(counts.min())
        known = [replace(one, shared=one.shared * common / n) for one, n in zip(known, counts, strict=True)]
        # Those of which nothing can be told now might have been told from chance by as small a p: Bonferroni's bound.
        rest = (len(p) - len(together)) * p[together]
        # Where chance in the samples makes it larger than Holm's, which always holds, Holm's stands.
        adjusted, how = by_holm.copy(), "max-t"
        adjusted[together] = np.minimum(step_down(p[together], known) + rest, by_holm[together])
    return table.assign(p_holm=by_holm, p_adjusted=adjusted, adjustment=how)


def _chance(
    found: Estimate, values: np.ndarray, resampled: np.ndarray, few: FewPatients | None, of_seeds: SeedVariance | None
) -> Chance | None:
    """None where the joint distribution is not known: few patients, few samples, samples without a number."""
    if not np.isfinite(resampled).all() or found.freedom < FEWEST_FREEDOM:
        return None
    patients = of_patients(values[:, None], resampled[:, :, None], few).narrowed[:, 0]
    if len(patients) < FEWEST_SAMPLES:
        return None
    error = found.moderated_sd / np.sqrt(found.seeds)
    return Chance(patients, error, found.seed_freedom, 0.0 if of_seeds is None else of_seeds.shared)


def _pairs(known: Mapping[tuple[str, int], Resampled]) -> dict[str, dict[int, tuple[Resampled, Resampled]]]:
    """technique -> seed -> (its network, the baseline's of the same seed); techniques in order."""
    found: dict[str, dict[int, tuple[Resampled, Resampled]]] = {}
    for technique in in_order(name for name, _ in known if name != BASELINE):
        both = {
            seed: (trial, known[BASELINE, seed])
            for (name, seed), trial in known.items()
            if name == technique and (BASELINE, seed) in known
        }
        if both:
            found[technique] = both
    return found


def paired_differences(
    known: Mapping[tuple[str, int], Resampled], metric: str, positive: int | None, margin: float = RELEVANT
) -> pd.DataFrame:
    """Each technique against the baseline, paired by seed and patient.

    Args:
        known: of ``resample``.
        metric: one of ``METRICS``.
        positive: its index for two classes, else None.
        margin: as of ``compare``.
    Returns:
        As ``compare``; empty without a baseline, or where no seed was tested with both. Techniques whose answers have
        no such metric are left out, and are no comparison that others are adjusted for. The interval of AUROC is 0 to 0
        where a technique ranks as the baseline does: see ``ranked_alike``.
    """
    differences, few = {}, None
    networks: dict[str, dict[int, Numbers]] = {}
    for technique, pairs in _pairs(known).items():
        if not all(can_tell(own.predictions.gives, metric) for own, _ in pairs.values()):
            continue
        values = np.array([own.values[metric] - base.values[metric] for own, base in pairs.values()])
        resampled = np.stack([own.resampled[metric] - base.resampled[metric] for own, base in pairs.values()])
        differences[technique] = (values, resampled)
        few = next(iter(pairs.values()))[0].few.about(metric, positive, paired=True)
        networks[technique] = {seed: (own.values[metric], own.resampled[metric]) for seed, (own, _) in pairs.items()}
    networks[BASELINE] = {
        seed: (own.values[metric], own.resampled[metric]) for (name, seed), own in known.items() if name == BASELINE
    }
    prior = SeedPrior.of_differences(networks, BASELINE, few)
    table = compare(differences, few, margin, prior, {name: list(of_seeds) for name, of_seeds in networks.items()})
    if metric == RANKING:
        pairs_of = _pairs(known)
        same = (
            table["technique"]
            .map(lambda name: all(ranked_alike(*both, positive) for both in pairs_of[name].values()))
            .astype(bool)
        )
        table.loc[same, ["low", "high"]] = 0.0
        table.loc[same & (table["seeds"] > 1), "equivalence_p"] = 0.0
    return table


def ranked_alike(own: Resampled, base: Resampled, positive: int | None) -> bool:
    """Whether two networks rank all images alike, as where one only decides anew on what the other says.

    Their AUROC is then the same, whoever is tested; the bootstrap, which saw nobody differ, could not know.
    """
    scores = [one.predictions.scores for one in (own, base)]
    columns = range(scores[0].shape[1]) if positive is None else [positive]
    return all(np.array_equal(*(stats.rankdata(one[:, column]) for one in scores)) for column in columns)


def seed_differences(known: Mapping[tuple[str, int], Resampled], metric: str, positive: int | None) -> pd.DataFrame:
    """The comparison seed by seed: two networks on the same rows.

    Args:
        known, metric, positive: as for ``paired_differences``.
    Returns:
        technique, seed, difference in ``metric``, low, high (95 % over patients), mcnemar (exact p), mcnemar_holm,
        auroc_difference, auroc_low, auroc_high, delong (p; NaN for more than two classes), delong_holm.
        Holm-adjusted over all rows. Scores that rank alone have those of AUROC alone. With fewer than
        ``balancing.data.patients.FEWEST`` test patients of a class all four are NaN: these tests take images for
        patients.
    """
    rows = []
    for technique, pairs in _pairs(known).items():
        for seed_number, (own, base) in pairs.items():
            row: dict[str, float | str] = {"technique": technique, "seed": seed_number}
            row |= _seed_difference(own, base, metric, positive, ("difference", "low", "high"))
            right = [decide(one.predictions.probabilities) == one.predictions.labels for one in (own, base)]
            enough = own.few.fewest >= FEWEST
            decides = own.predictions.gives != "scores"
            row["mcnemar"] = mcnemar_exact(*right) if enough and decides else np.nan
            columns = ("auroc_difference", "auroc_low", "auroc_high")
            row |= _seed_difference(own, base, "auroc", positive, columns)
            row["delong"] = np.nan
            if positive is not None and enough and own.predictions.folds is None:  # else no one order of images
                scores = [one.predictions.scores[:, positive] for one in (own, base)]
                row["delong"] = delong(own.predictions.labels == positive, *scores).p
            rows.append(row)
    order = ["technique", "seed", "difference", "low", "high", "mcnemar"]
    order += ["auroc_difference", "auroc_low", "auroc_high", "delong"]
    table = pd.DataFrame(rows, columns=order)
    for test in ("mcnemar", "delong"):
        p = table[test].to_numpy(dtype=float)
        adjusted = np.full(len(p), np.nan)
        adjusted[np.isfinite(p)] = holm(p[np.isfinite(p)])
        table[f"{test}_holm"] = adjusted
    return table


def _seed_difference(
    own: Resampled, base: Resampled, metric: str, positive: int | None, columns: Sequence[str]
) -> dict[str, float]:
    """One seed's difference in a metric, and its 95 % interval over patients, under the names of three columns."""
    few = own.few.about(metric, positive, paired=True)
    apart = (own.resampled[metric] - base.resampled[metric])[None]
    if metric == RANKING and ranked_alike(own, base, positive):
        return dict.fromkeys(columns, 0.0)
    found = estimate([own.values[metric] - base.values[metric]], apart, few)
    return dict(zip(columns, [found.mean, max(found.low, -1.0), min(found.high, 1.0)], strict=True))
