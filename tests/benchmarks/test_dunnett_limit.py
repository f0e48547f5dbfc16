"""The limit by which simulated tables say what could be seen at best."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from benchmarks.verdicts import dunnett_limit, summary


def test_it_is_dunnetts_published_limit_with_infinitely_many_degrees_of_freedom() -> None:
    # Two-sided 5 % limits at infinity of Dunnett (1964), table II, for 1 to 5 treatments.
    published = {1: 1.96, 2: 2.21, 3: 2.35, 4: 2.44, 5: 2.51}
    assert {techniques: round(dunnett_limit(techniques), 2) for techniques in published} == published


def test_with_one_technique_the_power_is_that_of_a_z_test() -> None:
    errors = stats.norm.ppf((np.arange(400) + 0.5) / 400) * 0.01
    found = summary(pd.DataFrame({"error_first": errors, "gain": 0.03, "half_width": 0.02}), 1)
    exact = stats.norm.cdf(0.03 / errors.std(ddof=1) - stats.norm.ppf(0.975))
    assert found["power_known"] == pytest.approx(exact, abs=1e-6)
    assert summary(pd.DataFrame({"error_first": errors, "gain": 0.0, "half_width": 0.02}), 5)["power_known"] == 0
