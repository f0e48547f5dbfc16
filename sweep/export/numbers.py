"""What a model card says in numbers: of the very network or ensemble that is exported, from the run's records."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from sweep.analysis.decisions.calibration import calibration_table
from sweep.analysis.decisions.ledger import ledger_table
from sweep.analysis.results import Results
from sweep.analysis.statistics.predictions import TrialPredictions
from sweep.inference.choice import chosen
from sweep.inference.deployed import Deployed
from sweep.inference.recorded import as_decided, prior_of, together, validation_of
from sweep.inference.tested import Interval, TestRow, test_row
from sweep.runs.run import Run

_SEED = 0  # of the draws, as the report's tables have it
CALIBRATION = ("brier", "ece", "log_loss")


@dataclass(frozen=True)
class Numbers:
    """Of what is exported.

    Args:
        test: None where the test split was not opened for its trials.
        calibration: stage (``before`` or ``after`` temperature scaling) -> number of ``CALIBRATION`` -> value; {} where
            nothing is a probability, or where the test split was not opened.
        designed: T by the components' own statements; NaN where it has no closed form.
        measured: T by what calibration on validation finds; NaN where it can't be told.
        prior: (C,) the class frequencies that the networks' probabilities carry by design; None where not known.
    """

    test: TestRow | None
    calibration: dict[str, dict[str, Interval]]
    designed: float
    measured: Interval
    prior: np.ndarray | None


def numbers_of(run: Run, deployed: Deployed) -> Numbers:
    """Numbers of what is exported, by the statistics of the run's report.

    Args:
        run: as ``deployed`` was asked of.
    """
    choice = chosen(run, deployed.asked)
    validation, tested = validation_of(choice), together(choice, "test")
    test = None if tested is None else test_row(run, deployed.asked)
    plain = TrialPredictions(
        choice.trained, choice.seeds[0], validation if tested is None else tested, validation, choice.trial_ids[0]
    )
    calibration: dict[str, dict[str, Interval]] = {}
    if tested is not None and deployed.calibration is not None:
        of = as_decided(choice, validation, tested) if deployed.calibration.of_rule else plain
        table = calibration_table(_alone(choice.results, of), np.random.default_rng(_SEED))
        calibration = {
            str(row["stage"]): {name: _interval(row, name) for name in CALIBRATION} for _, row in table.iterrows()
        }
    ledger = ledger_table(_alone(choice.results, plain), np.random.default_rng(_SEED))
    return Numbers(
        test,
        calibration,
        float(ledger["designed"].iloc[0]),
        _interval(ledger.iloc[0], "measured"),
        prior_of(choice) if deployed.network_gives == "probabilities" else None,
    )


def _interval(row: pd.Series, name: str) -> Interval:
    return Interval(*(float(row[f"{name}{end}"]) for end in ("", "_low", "_high")))


def _alone(results: Results, trial: TrialPredictions) -> Results:
    """The run's results as if this network had been its only one."""
    found = Results(results.run)
    found.__dict__["predictions"] = (trial,)
    return found
