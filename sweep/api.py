"""The sweep as objects, for programs and notebooks: nothing is printed unless it is asked for."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property, partial
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from balancing.data.images import ImageSet
from balancing.errors import UserError, suggestion
from balancing.html import html_table
from sweep.analysis.folds import results_of
from sweep.analysis.judged import checked_margin
from sweep.analysis.results import Results
from sweep.api_given import Executor, check_copy, check_executor, observer_of, path_of
from sweep.api_images import settings_of
from sweep.api_uses import RunUses
from sweep.borrowed import borrowed_process
from sweep.config.config import Config, build_config, known_keys
from sweep.config.files import read_file
from sweep.config.values import plain
from sweep.runs.observer import Observer
from sweep.runs.run import Run

if TYPE_CHECKING:
    import pandas as pd

    from sweep.analysis.figures.style import Plot


def compare(
    data: str | os.PathLike[str] | ImageSet,
    techniques: Sequence[str] | None = None,
    *,
    executor: Executor = "ray",
    out: str | os.PathLike[str] | None = None,
    preset: str = "quick",
    resume: bool = False,
    progress: bool | Observer = False,
    **settings: Any,
) -> ComparisonRun:
    """A paired comparison of techniques: trains every trial, selects on validation, opens the test split once.

    Args:
        data: ``phantom``, a path, a Hub id (see ``balancing.load_images``), or an ``ImageSet``.
        techniques: names of some, see ``balancing.techniques()``, compositions such as ``smote+focal``, groups such as
            ``losses``, ``around:COMPOSITION`` or ``@FILE``, as on the command line; those of the preset by default.
        executor: ``ray`` trains on all cores, or on the cluster at ``address=``; ``local`` in this process, one trial
            after the other, without Ray. Ids and numbers are the same.
        out: the run folder; a new one under ``runs/`` by default.
        preset: where settings come from that are not given: a preset's name, or a YAML file.
        resume: go on where ``out`` already holds this run.
        progress: True shows what happens as the command line does; an ``Observer`` is told.
        settings: any key of the configuration by its last name, such as ``confirm=10``, or ``seeds=3`` alone,
            ``epochs=5``, ``lr="1e-4..1e-2"``, ``image_size=64``, ``batch_size=32``,
            ``parameters={"smote": {"k_neighbors": 7}}``; lists are crossed, ranges drawn ``trials`` times.
            `sweep presets NAME` prints all of a preset's.
    Raises:
        UserError: a mistake, before anything is trained; or no trial gave a result.
        KeyboardInterrupt: the user stopped it; every epoch so far is kept, and ``resume`` goes on.
    """
    from sweep import sweeps
    from sweep.planning.prepare import free_run_folder

    check_executor(executor, settings)
    config = _config(data, techniques, preset, settings)
    observer = observer_of(progress)
    path = (free_run_folder(Path("runs"), "compare") if out is None else path_of(out, "out")).absolute()
    try:
        with _process(executor):
            if resume and (path / "run.json").exists():
                made = sweeps.resume(path, config, observer, executor=executor)
            else:
                made = sweeps.start(config, "compare", path, observer, executor=executor, resume=resume)
    except sweeps.Interrupted:
        raise KeyboardInterrupt(f"stopped; the run is in {path}") from None
    return ComparisonRun(made)


def open_run(path: str | os.PathLike[str]) -> ComparisonRun:
    """A run that was made before, finished or not.

    Raises:
        UserError: it is no run folder.
    """
    return ComparisonRun(Run(path_of(path, "path")))


class ComparisonRun(RunUses):
    """A run: what came out of it, and what can be made of that. By ``compare`` or ``open_run``.

    Attributes:
        path: its folder, absolute: it stays the same folder where the program changes its own.
    """

    def __init__(self, run: Run, margin: float | None = None):
        self._run = run if run.path.is_absolute() else Run(run.path.absolute(), run.guard)
        self._margin = margin
        self.path = self._run.path

    @cached_property
    def results(self) -> Results:
        """Its numbers: ``table()``, ``differences()``, ``intervals()``; as they were when first looked at."""
        return results_of(self._run, self._margin)

    def with_margin(self, margin: float) -> ComparisonRun:
        """The same run where a difference to the baseline within ``margin`` does not matter: nothing trains.

        Raises:
            UserError: it is not above 0 and at most 0.5.
        """
        return ComparisonRun(self._run, checked_margin(margin))

    def beside(self) -> pd.DataFrame:
        """What each technique does to the metrics that don't decide: see ``sweep.analysis.beside.beside_table``."""
        from sweep.analysis.beside import beside_table

        return beside_table(self.results)

    @cached_property
    def verdict(self) -> str:
        """Which technique helps, in a sentence or two that are no bolder than the numbers."""
        from sweep.report.words.verdict import verdict

        return verdict(self.results)

    @property
    def status(self) -> str:
        """``finished``, ``running``, ``interrupted`` or ``failed``."""
        return str(self._run.info["status"])

    @property
    def first(self) -> ComparisonRun | None:
        """The first of two stages, a whole run of its own; None in a run of one stage, or before it began."""
        from sweep.runs.stages import first_of

        found = first_of(self._run)
        return None if found is None else ComparisonRun(found)

    def trials(self) -> pd.DataFrame:
        """One row a trial: its settings, how it ended, and its numbers on validation at its best epoch."""
        return self._run.trials()

    @cached_property
    def _plots(self) -> dict[str, Plot]:
        from sweep.report.context import ReportContext
        from sweep.report.registry import made_sections
        from sweep.report.section import plots_of

        sections = made_sections(ReportContext(self.results))
        return {plot.name: plot for section in sections for plot in plots_of(section.blocks)}

    def figures(self) -> list[str]:
        """The names that ``figure`` takes: every figure of the report that needs no images."""
        return list(self._plots)

    def figure(self, name: str) -> Plot:
        """A figure of the report, with its caption; a notebook shows it, ``.figure`` is matplotlib's.

        Args:
            name: such as ``forest``, ``roc``, ``recall_specificity``; ``figures()`` lists those of this run.
        Raises:
            UserError: this run has no figure of that name.
        """
        if not isinstance(name, str) or name not in self._plots:
            raise UserError(f"this run has no figure {name!r}{suggestion(str(name), self._plots)}")
        return self._plots[name]

    def report(
        self,
        out: str | os.PathLike[str] | None = None,
        *,
        images: ImageSet | None = None,
        cams: bool = True,
        paper: str | os.PathLike[str] | None = None,
        **asked: Any,
    ) -> Path:
        """Writes the report; returns its page, index.html.

        Args:
            out: a folder to copy it to; by default it lies in the run folder alone, under ``report/``.
            images: the run's own; by default they are read again from where it had them, and where they are gone the
                report is without activation maps and synthetic samples, and says so.
            cams: whether to draw class activation maps, which takes longest.
            paper: a folder for what a paper needs: table, methods, BibTeX, guidelines, figures; by default none.
            asked: ``margin``, ``cam``, ``masks``, ``sensitivity``, ``cost_ratio``, ``prevalence``, ``shown_images``:
                what it shall show.
        Raises:
            UserError: unknown or impossible wishes, images that are not the run's, or ``out`` can't be written.
        """
        from sweep.config.config import recorded_report
        from sweep.reports import recorded_images, report_of_run

        copy = None if out is None else path_of(out, "out")
        check_copy(copy)
        if images is not None and not isinstance(images, ImageSet):
            raise UserError(
                f"images must be the run's ImageSet, but are of type {type(images).__name__}; give it, or None"
            )
        if self._margin is not None:
            asked = {"margin": self._margin, **asked}
        settings = recorded_report(self._run, {f"report.{key}": value for key, value in asked.items()})
        if images is None:
            try:
                images = recorded_images(self._run)
            except UserError:
                images = None  # the report says that they were not at hand
        folder = None if paper is None else path_of(paper, "paper")
        page = report_of_run(self._run, images, settings, cams=cams, paper=folder)
        if copy is None:
            return page
        if copy.resolve() != page.parent.resolve():
            try:
                shutil.copytree(page.parent, copy, dirs_exist_ok=True)
            except OSError as error:
                why = (error.strerror or "see the folder").lower()
                raise UserError(
                    f"the report is in {page.parent}, but can't be copied to out={str(out)!r} ({why}); give another "
                    "folder"
                ) from error
        return copy / page.name

    def resume(
        self, *, executor: Executor = "ray", progress: bool | Observer = False, **resources: Any
    ) -> ComparisonRun:
        """Goes on with a run that was stopped; trials that ended are kept as they are.

        Args:
            executor, progress: as of ``compare``.
            resources: where it runs now, such as ``address=`` or ``max_concurrent=``.
        Raises:
            UserError: data, settings or torch are not those that it was begun with.
            KeyboardInterrupt: the user stopped it.
        """
        from sweep import sweeps

        return self._goes_on(sweeps.resume, executor, progress, None, resources)

    def more(
        self,
        seeds: int,
        *,
        executor: Executor = "ray",
        progress: bool | Observer = False,
        data: str | os.PathLike[str] | None = None,
        **resources: Any,
    ) -> ComparisonRun:
        """Adds fresh seeds of the chosen configurations to a finished run: they train, and are tested.

        Where configurations were compared and no fresh seeds spoke, these alone speak from then on; else all do. The
        report says that seeds were added after results were seen; write it anew by ``report``.

        Args:
            seeds: how many, of each technique.
            executor, progress, resources: as of ``resume``, which also goes on with what was stopped.
            data: where the run's own data lie now.
        Raises:
            UserError: the run has not ended, or as ``resume``.
            KeyboardInterrupt: the user stopped it.
        """
        from sweep import sweeps

        return self._goes_on(partial(sweeps.more, seeds=seeds), executor, progress, data, resources)

    def _goes_on(
        self, do: Callable[..., Run], executor: Executor, progress: Any, data: Any, more: Any
    ) -> ComparisonRun:
        from sweep import sweeps
        from sweep.config.config import recorded_config
        from sweep.config.localpaths import recorded_source

        check_executor(executor, more)
        chosen = {"data.source": recorded_source(self._run) if data is None else os.fspath(data)}
        config = recorded_config(self._run, chosen | {f"resources.{key}": value for key, value in more.items()})
        try:
            with _process(executor):
                return ComparisonRun(do(self.path, config, observer=observer_of(progress), executor=executor))
        except sweeps.Interrupted:
            raise KeyboardInterrupt(f"stopped; the run is in {self.path}") from None

    def __repr__(self) -> str:
        return f"<ComparisonRun {self.path}: {self.status}>"

    def _repr_html_(self) -> str:
        """For notebooks: the verdict, the results table and the forest plot."""
        from sweep.analysis.figures.forest import forest_plot

        if not len(self.results.table()):
            counts = Counter(self.trials().get("status", []))
            return html_table(f"{self.path.name}: {self.status}", ["state", "trials"], list(counts.items()))
        forest = forest_plot(self.results)
        return (
            f"<p>{escape(self.verdict)}</p>"
            + self.results._repr_html_()
            + (forest._repr_html_() if forest is not None else "")
        )


def _process(executor: Executor) -> AbstractContextManager[None]:
    """Within it trials train: what they change of this process, where they train in it, is put back."""
    return borrowed_process() if executor == "local" else nullcontext()


def _config(data: Any, techniques: Sequence[str] | None, preset: str, settings: Mapping[str, Any]) -> Config:
    if not isinstance(data, str | os.PathLike | ImageSet):
        raise UserError(
            f"data must be 'phantom', a path, a Hub id or an ImageSet, but are of type {type(data).__name__}; give "
            "arrays by balancing.ImageSet.from_arrays"
        )
    if not isinstance(preset, str | os.PathLike):
        raise UserError(f"preset must be a preset's name or the path of a YAML file, but is {preset!r}; give one")
    settings = plain(settings)
    keys = {key.rpartition(".")[2]: key for key in known_keys()}
    for name in settings:
        if name not in keys:
            raise UserError(f"compare has no setting '{name}'{suggestion(name, keys)}")
        if name in ("source", "techniques"):
            raise UserError(f"give {'data' if name == 'source' else name} as an argument of its own, not as a setting")
    chosen = {keys[name]: value for name, value in settings.items()}
    chosen |= settings_of(data, settings) if isinstance(data, ImageSet) else {"data.source": os.fspath(data)}
    if techniques is not None:
        named = isinstance(techniques, Iterable) and not isinstance(techniques, str)
        chosen["space.techniques"] = list(techniques) if named else techniques
    return build_config(read_file(os.fspath(preset)), chosen)
