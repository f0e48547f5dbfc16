"""Numbers, lists and intervals as text."""

from __future__ import annotations

import math

import pytest

from sweep.report.text.intervals import explained, limits, ranged, signed_limits, with_interval
from sweep.report.text.lists import listed, techniques_listed
from sweep.report.text.numbers import decimals, p_equals, p_value, percent, prevalence_text, signed

NAN = math.nan


def plain(text: str) -> str:
    return text.replace("\N{NO-BREAK SPACE}", " ").replace("\N{MINUS SIGN}", "-").replace("\N{EN DASH}", "none")


def test_numbers() -> None:
    assert plain(decimals(-0.12345, 3)) == "-0.123"
    assert plain(signed(0.5)) == "+0.500"
    assert plain(signed(-0.05, 1)) == "-0.1"
    assert plain(percent(0.7149)) == "71 %"
    assert plain(percent(0.7149, 1)) == "71.5 %"
    assert [plain(prevalence_text(share)) for share in (0.5, 0.01, 0.0042, 0)] == ["50 %", "1 %", "0.42 %", "0 %"]
    assert {plain(write(NAN)) for write in (signed, percent, p_value)} == {"none"}
    assert decimals(None, 2) == decimals(NAN, 2)


@pytest.mark.parametrize(
    ("p", "shown"),
    [(0.012, "= 0.012"), (0.0004, "< 0.001"), (0.04996, "< 0.050"), (0.0501, "= 0.050"), (1.0, "= 1.000")],
)
def test_p_values_never_look_like_the_other_side_of_the_level(p: float, shown: str) -> None:
    assert plain(p_equals(p)) == f"p {shown}"
    assert p_value(p) == shown.removeprefix("= ").replace(" ", "")


def test_lists() -> None:
    assert [listed(parts) for parts in (["a"], ["a", "b"], ["a", "b", "c"])] == ["a", "a and b", "a, b and c"]
    assert techniques_listed(["smote", "baseline"]) == "SMOTE and Baseline"
    names = ["smote", "enn", "film", "drw", "crt", "sam", "ncr"]
    assert techniques_listed(names).count(",") == 5, "what a run of eight can list is whole"
    assert techniques_listed([*names, "focal"]) == "SMOTE, ENN, Film, DRW and 4 more"


def test_intervals() -> None:
    assert limits(0.1, 0.2) == "0.100 to 0.200"
    assert plain(signed_limits(-0.1, 0.2)) == "-0.100 to +0.200"
    assert plain(limits(NAN, 0.2)) == "none"
    assert with_interval(0.15, 0.1, 0.2) == "0.150 (0.100 to 0.200)"
    assert with_interval(0.15, NAN, NAN) == "0.150"
    assert plain(with_interval(NAN, 0.1, 0.2)) == "none"
    row = {"x": 0.15, "x_low": 0.1, "x_high": 0.2, "y": 0.15, "y_low": NAN, "y_high": NAN}
    assert plain(ranged(row, "x", percent)) == "15 % (10 % to 20 %)"
    assert plain(explained(row, "x")) == "0.150 (95 % interval 0.100 to 0.200)"
    assert explained(row, "y", unit=" points") == "0.150 points (too few patients for an interval)"
