"""What is done with a run that is there: new images, files for others, trackers."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sweep.api_given import path_of
from sweep.runs.run import Run

if TYPE_CHECKING:
    import pandas as pd

    from sweep.trackers.log import Logged


class RunUses:
    """Of ``ComparisonRun``."""

    _run: Run

    def log(self, to: str, *, project: str = "", uri: str | os.PathLike[str] = "", mode: str = "") -> Logged:
        """Tells a tracker of the run, from its records: each trial one of its runs. Told again, nothing doubles.

        Args:
            to, project, uri, mode: as of ``sweep.trackers.asked.Asked``.
        Raises:
            UserError: there is no such tracker, its library is not installed, or it failed; the run is as it was.
        """
        from sweep.trackers.asked import Asked
        from sweep.trackers.log import log_run

        return log_run(self._run.path, Asked(to, project, os.fspath(uri), mode))

    def predict(
        self, images: str | os.PathLike[str] | Sequence[str | os.PathLike[str]], what: str = "best", **how: Any
    ) -> pd.DataFrame:
        """What the run says of new images; research, not diagnosis.

        Args:
            images: files, folders, patterns (``"scans/**/*.png"``) and tables of paths.
            what: ``best``, TECHNIQUE, ``ensemble`` or ``ensemble:TECHNIQUE``.
            how: as of ``sweep.predictions.Asked``, such as ``column=``, ``out=``, ``maps=20``, ``strict=True``.
        Returns:
            One row an image: see ``sweep.inference.predicting.predicted``.
        Raises:
            UserError: a mistake in what was given; with ``strict``, an image that can't be read.
        """
        from sweep.predictions import asked_from, predict_images

        return predict_images(self._run, *asked_from(images, what, how)).table

    def export(self, out: str | os.PathLike[str], what: str = "best", **asked: Any) -> Path:
        """Writes a network of the run for others: ONNX, safetensors and a model card; returns its folder.

        Args:
            out: a new folder.
            what: ``best``, TECHNIQUE, ``ensemble`` or ``ensemble:TECHNIQUE``.
            asked: ``formats``, ``opset``, ``license``, ``force``, ``images``: see ``sweep.export.from_program``.
        Raises:
            UserError: there is no such network, the ONNX file answers otherwise than PyTorch, or ``out`` can't be.
        """
        from sweep.export.from_program import exported

        return exported(self._run, path_of(out, "out"), what, **asked)
