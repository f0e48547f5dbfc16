"""What is said of a rule is true of what the table shows."""

from __future__ import annotations

from dataclasses import replace

import pytest
from torch import nn

from sweep.inference.rule import most_probable
from sweep.inference.words import rule_sentence
from tests.sweep.export.networks import made


@pytest.mark.parametrize(("gives", "of"), [("probabilities", ""), ("scores", ", softmax of its scores,")])
def test_a_threshold_of_scores_is_called_so(gives: str, of: str) -> None:
    found = replace(made([nn.Identity()], rule=most_probable(2, 1)), network_gives=gives)  # type: ignore[arg-type]
    assert rule_sentence(found) == f"b is decided for from a probability{of} of 0.5 on."
