"""Adjusting for many techniques and one baseline: against scipy's Dunnett test, and laws."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from sweep.analysis.statistics.max_t import Chance, step_down
from sweep.analysis.statistics.paired import compare
from sweep.analysis.statistics.power import single_step_level
from sweep.analysis.statistics.seed_prior import SeedPrior
from sweep.analysis.statistics.seeds import SeedVariance
from sweep.analysis.statistics.significance import significant
from sweep.analysis.statistics.tests import holm

NOBODY = np.zeros(2000)  # patients who differ by nothing


@pytest.mark.parametrize("techniques", [2, 5, 12])
def test_of_the_largest_it_is_dunnetts(techniques: int) -> None:
    rng = np.random.default_rng(techniques)
    groups = rng.normal(0, 1, (techniques + 1, 40))
    groups[1] += 0.55
    expected = stats.dunnett(*groups[1:], control=groups[0], rng=np.random.default_rng(0))
    freedom = (techniques + 1) * 39.0
    p = 2 * stats.t.sf(np.abs(expected.statistic), freedom)
    found = step_down(p, [Chance(NOBODY, 1.0, freedom, 0.5)] * techniques)
    first = int(np.argmin(p))
    assert found[first] == pytest.approx(expected.pvalue[first], abs=0.012)
    assert (found <= expected.pvalue + 0.012).all(), "steps down are never duller than a single step"


def test_between_each_p_and_holms() -> None:
    rng = np.random.default_rng(0)
    for shared in (0.0, 0.5, 0.9):
        p = rng.random(6) ** 2
        chances = [Chance(rng.normal(0, 0.01, 2000), 0.01, float(df), shared) for df in (2, 3, 5, 8, 20, 100)]
        found = step_down(p, chances)
        assert (found >= p).all()
        assert (found <= holm(p) + 0.02).all()
        assert (np.diff(found[np.argsort(p)]) >= 0).all(), "the smaller p has no larger adjusted one"


def test_wholly_the_same_chance_needs_no_adjustment() -> None:
    patients = np.random.default_rng(1).normal(0, 0.01, 4000)
    found = step_down([0.03, 0.2, 0.6], [Chance(patients, 0.0, 10.0, 0.0)] * 3)
    assert found == pytest.approx([0.03, 0.2, 0.6], abs=0.01)
    apart = step_down([0.02, 0.02], [Chance(NOBODY, 1.0, 10.0, 0.0)] * 2)
    assert apart == pytest.approx([1 - 0.98**2] * 2, abs=0.006)  # Sidak's, of independent ones


def test_the_order_of_techniques_changes_nothing() -> None:
    rng = np.random.default_rng(2)
    p = np.array([0.01, 0.03, 0.5, 0.2])
    chances = [Chance(rng.normal(0, 0.01, 1000), 0.01 * i, 3.0 * i, 0.4) for i in range(1, 5)]
    order = [2, 0, 3, 1]
    assert step_down(p[order], [chances[i] for i in order]) == pytest.approx(step_down(p, chances)[order])


def test_the_level_of_a_single_step_is_dunnetts() -> None:
    assert single_step_level(1) == pytest.approx(0.05)
    for m in (2, 3, 5):
        critical = stats.norm.isf(single_step_level(m) / 2)
        normal = stats.multivariate_normal(cov=np.full((m, m), 0.5) + 0.5 * np.eye(m), seed=np.random.default_rng(0))
        inside = normal.cdf(np.full(m, critical), lower_limit=np.full(m, -critical))
        assert inside == pytest.approx(0.95, abs=1e-3)
    # Dunnett's table of two-sided critical values at 5 %, infinite degrees of freedom: 2.21 for 2, 2.51 for 5.
    assert stats.norm.isf(single_step_level(2) / 2) == pytest.approx(2.21, abs=0.005)
    assert stats.norm.isf(single_step_level(5) / 2) == pytest.approx(2.51, abs=0.005)


def of_techniques(gains: list[float], seeds: int, samples: int = 1000) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    rng = np.random.default_rng(3)
    baseline, patients = rng.normal(0, 0.01, seeds), rng.normal(0, 0.005, samples)
    found = {}
    for place, gain in enumerate(gains):
        values = gain + rng.normal(0, 0.01, seeds) - baseline
        found[f"t{place}"] = (values, values[:, None] + patients + rng.normal(0, 0.004, (seeds, samples)))
    return found


def test_the_table_says_which_it_is_judged_by() -> None:
    differences = of_techniques([0.03, 0.02, 0.0, 0.0], 6)
    prior = SeedPrior({name: SeedVariance(0.014, 20.0, 0.5) for name in differences})
    table = compare(differences, prior=prior)
    assert set(table["adjustment"]) == {"max-t"}
    assert table["p_holm"].to_numpy() == pytest.approx(holm(table["p"].to_numpy()))
    assert (table["p_adjusted"] >= table["p"]).all()
    assert (table["p_adjusted"] <= table["p_holm"]).all()
    assert (table["p_adjusted"] < table["p_holm"]).any()
    assert ((significant(table)["low"] > 0) & (significant(table)["p"] < 0.05)).all()
    again = compare(differences, prior=prior)
    assert again["p_adjusted"].tolist() == table["p_adjusted"].tolist()


def test_where_the_joint_distribution_is_not_known_it_is_holms() -> None:
    few_samples = compare(of_techniques([0.03, 0.0], 4, samples=50))
    assert set(few_samples["adjustment"]) == {"holm"}
    assert few_samples["p_adjusted"].tolist() == few_samples["p_holm"].tolist()
    lost = of_techniques([0.03, 0.0], 4)
    lost["t0"][1][0, 3] = np.nan
    assert set(compare(lost)["adjustment"]) == {"holm"}
    one = compare(of_techniques([0.03], 4))
    assert one["p_adjusted"].tolist() == one["p"].tolist()


def test_only_the_baseline_s_seeds_that_all_have_move_all_together() -> None:
    gains, samples = [0.02, 0.015, 0.015, 0.0], np.random.default_rng(4).normal(0, 1e-4, (4, 4, 1000))
    base, own = np.random.default_rng(5).normal(0, 0.01, (2, 4, 4))
    apart = {f"t{i}": (gain + own[i] - base[i], (gain + own[i] - base[i])[:, None] + samples[i])
             for i, gain in enumerate(gains)}  # fmt: skip
    prior = SeedPrior({name: SeedVariance(0.014, 20.0, 0.5) for name in apart})
    alone = SeedPrior({name: SeedVariance(0.014, 20.0, 0.0) for name in apart})
    disjoint = {name: range(4 * i, 4 * i + 4) for i, name in enumerate(apart)}
    found = [
        compare(apart, prior=given, seeds=seeds)["p_adjusted"]
        for given, seeds in ((prior, disjoint), (alone, None), (prior, dict.fromkeys(apart, range(4))))
    ]
    assert found[0].tolist() == found[1].tolist(), "of no seed in common: as of nothing shared"
    assert (found[0] >= found[2]).all()
    assert (found[0] > found[2]).any()


def test_techniques_of_which_nothing_can_be_told_are_comparisons_all_the_same() -> None:
    differences = of_techniques([0.012, 0.01, 0.0], 6)
    alone = compare(differences)
    steady = {f"s{i}": (np.full(6, 0.01), np.full((6, 1000), 0.01)) for i in range(3)}  # no spread over seeds: p is 1
    one_seed = {"one": (differences["t0"][0][:1], differences["t0"][1][:1])}
    table = compare({**differences, **steady, **one_seed})
    assert table["p"].tolist() == [*alone["p"], 1, 1, 1, 1]
    assert set(table["adjustment"]) == {"max-t"}
    more = table["p_adjusted"][:3] - alone["p_adjusted"]
    assert more.to_numpy() == pytest.approx(np.minimum(4 * alone["p"], table["p_holm"][:3] - alone["p_adjusted"]))
    assert more[0] > 0
