"""What every section of the report is made from: one argument for all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sweep.analysis.decisions.preferences import USUAL, DecisionPreferences
from sweep.analysis.results import Results

if TYPE_CHECKING:
    from balancing.data.images import ImageSet
    from sweep.analysis.maps.checks import MapSizes
    from sweep.report.section import Section


BROWSED = 36


@dataclass(frozen=True)
class ReportOptions:
    """What the user asked of the report.

    Args:
        cams: whether to draw class activation maps where images are at hand.
        cam_method: a key of ``sweep.analysis.maps.methods.CAM_METHODS``.
        masks: folder of masks (lungs, lesions) for the maps' numbers; None for the images' own.
        decisions: sensitivity, costs and prevalence that decisions shall be made for.
        device: where the kept networks run.
        map_sizes: how much the maps' numbers look at; None for what a CPU can bear.
        margin: within what a difference to the baseline does not matter; None for what the run's configuration says.
        browsed: how many test images are shown one by one.
        paper: the folder of what an author needs to write the run up (see ``sweep.report.paper``); None for none.
    """

    cams: bool = True
    cam_method: str = "smoothgradcampp"
    masks: Path | str | None = None
    decisions: DecisionPreferences = USUAL
    device: str = "cpu"
    map_sizes: MapSizes | None = None
    margin: float | None = None
    browsed: int = BROWSED
    paper: Path | None = None


USUAL_REPORT = ReportOptions()


@dataclass(frozen=True)
class ReportContext:
    """What a section reads.

    Args:
        results: of the run.
        images: the run's own images, or None where they are not at hand.
        options: what the user asked for.
        rng: the section's own random state.
        before: the sections made so far, in the report's order.
    """

    results: Results
    images: ImageSet | None = None
    options: ReportOptions = field(default_factory=ReportOptions)
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))
    before: Sequence[Section] = ()

    @property
    def run(self) -> Results:
        """The same as ``results``, which reads all that a run's folder holds."""
        return self.results

    def patients_rng(self) -> np.random.Generator:
        """Draws the same patients as in the results, so that one number has one interval wherever it stands."""
        return np.random.default_rng(0)
