"""A run's report as it was asked for, with the images that the run had."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from balancing.data.ingest import Bar, no_bar
from balancing.errors import UserError
from sweep.analysis.decisions.preferences import DecisionPreferences
from sweep.analysis.folds import results_of
from sweep.report.context import ReportOptions
from sweep.report.render import warned, write_report
from sweep.report.words.bodies import ADVICE, fault_of_body
from sweep.runs.files import now
from sweep.runs.foreign import origins
from sweep.runs.run import Run
from sweep.runs.stages import first_of

if TYPE_CHECKING:
    from balancing.data.images import ImageSet
    from sweep.analysis.results import Results
    from sweep.config.config import ReportConfig

_THREADS_FROM = 128  # pixels a side


def report_of_run(
    run: Run,
    images: ImageSet | None,
    settings: ReportConfig,
    *,
    cams: bool = True,
    tell: Callable[[str], None] = warned,
    paper: Path | None = None,
    results: Results | None = None,
) -> Path:
    """Writes RUN/report; returns its page. The images serve activation maps and synthetic samples alone.

    Args:
        tell: see ``write_report``.
        paper: the folder of what an author needs, see ``sweep.report.paper``; None for none.
        results: of this run with the settings' margin, where they are read already.
    Raises:
        UserError: the images are not the run's.
    """
    if images is not None and images.fingerprint != run.info["data"]["fingerprint"]:
        raise UserError(f"these are not the images of run {run.path}; give those, or none")
    if run.audit() is None and images is not None:  # a run of a version that did not audit
        from balancing.quality.audit import audit

        run.write_audit(audit(images, run.split_of_rows()))
    first = first_of(run)
    if first is not None and not (first.path / "report" / "index.html").exists() and first.selection():
        own = images if images is not None and images.fingerprint == first.info["data"]["fingerprint"] else None
        report_of_run(first, own, settings, cams=cams, tell=tell)  # the page links to it
    if cams and images is not None and (fault := fault_of_body(run)):
        tell(f"There will be no activation maps, for {fault}; {ADVICE}.")
    preferences = DecisionPreferences(settings.sensitivity, settings.cost_ratio, settings.prevalence)
    with _threads_of_maps(images.image_size if images is not None and cams else None):
        options = ReportOptions(
            cams,
            settings.cam,
            settings.masks,
            preferences,
            margin=settings.margin,
            browsed=settings.shown_images,
            paper=paper,
        )
        return write_report(run, images, options, tell, results)


@contextlib.contextmanager
def _threads_of_maps(image_size: int | None) -> Iterator[None]:
    """One thread within it where maps of small images are made; torch's number of threads is put back.

    Maps go image by image through a network, so that a layer of a small one is too little for two threads: they wait
    for each other, on a busy machine for most of the time.

    Args:
        image_size: pixels a side; None makes no map.
    """
    if image_size is None or image_size >= _THREADS_FROM:
        yield
        return
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def add_decisions(run: Run, decisions: str | Sequence[str]) -> list[str]:
    """Has a finished run hold techniques that decide anew on its trials, in every report from now on.

    Nothing trains, and no test split is opened: decisions are fitted on the validation predictions that are there.

    Args:
        decisions: as of ``Results.with_decisions``.
    Returns:
        The techniques that were added; those that the run holds already are none.
    Raises:
        UserError: the run has not ended, or as ``Results.with_decisions``.
    """
    results = results_of(run)
    if run.info.get("status") in ("running", "interrupted"):
        raise UserError(
            f"decisions are added to a run that has ended, but {run.path} is {run.info['status']}; go on with it by "
            "`sweep resume` first"
        )
    asked = results.with_decisions(decisions).decisions
    new = {name: own for name, own in asked.items() if name not in results.decisions}
    if new:
        before = run.info.get("decisions_added", [])
        components = {**run.info.get("components", {}), **origins(new)}
        more = {"components": components} if components else {}
        run.update_info(decisions_added=[*before, {"time": now(), "techniques": new}], **more)
    return list(new)


def recorded_images(run: Run, data: str | None = None, bar: Bar = no_bar) -> ImageSet:
    """The run's own images, read again.

    Args:
        data: where they lie now; where the run had them by default.
        bar: shows how decoding gets on.
    Raises:
        UserError: they are not there, or others are.
    """
    from sweep.config.config import recorded_data
    from sweep.config.localpaths import recorded_source
    from sweep.planning.prepare import load_data

    images = load_data(recorded_data(run, data if data is not None else recorded_source(run)), bar=bar, run=run)[0]
    if images.fingerprint != run.info["data"]["fingerprint"]:
        raise UserError("these are not the run's images; give those by --data.")
    return images
