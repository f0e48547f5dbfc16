"""Everything the report says, gathered once from a run for all formats."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from balancing.errors import UserError
from balancing.registry import get_technique
from sweep.analysis.figure import Plot
from sweep.analysis.naming import display_name, in_order
from sweep.analysis.plots import number_plots
from sweep.analysis.statistics import is_phantom, verdict
from sweep.records import Run, read_json
from sweep.report import shown_tables
from sweep.report.shown import Table

if TYPE_CHECKING:
    from balancing.images import ImageSet

_TABLES = ("results", "study", "configurations", "differences", "confusion", "matrices", "failures", "budget")


def gather(run: Run, images: ImageSet | None, cams: bool) -> dict[str, Any]:
    """Names used by the templates -> text, tables (``Table`` or None) and figures (``Plot``).

    Raises:
        UserError: the images are not the run's.
    """
    info = run.info
    tables: dict[str, Table | None] = {name: getattr(shown_tables, name)(run) for name in _TABLES}
    cam_plot, no_cams = _cams(run, images, cams)
    techniques = in_order(spec.technique for spec in run.specs())
    version = info["versions"].get("balancing-act", "")
    return {
        **tables,
        "title": _title(techniques),
        "kicker": f"Balancing Act · {info['data']['source']} · {info['created'][:10]}",
        "verdict": verdict(run),
        "warnings": _warnings(run),
        "plots": number_plots(run),
        "cams": cam_plot,
        "no_cams": no_cams,
        "command": info["command"],
        "data": _data(info["data"]),
        "notes": info["notes"],
        "bad": read_json(run.path / "bad_images.json") if (run.path / "bad_images.json").exists() else [],
        "openings": _openings(run),
        "versions": [*info["versions"].items(), *((k, str(v)) for k, v in info["machine"].items())],
        "config": run.config_yaml,
        "limits": _limits(run),
        "references": _references(techniques, cam_plot is not None),
        "footer": f"Made by Balancing Act {version} from the records of run {info['id']}, begun {info['created']}.",
    }


def _title(techniques: list[str]) -> str:
    others = [t for t in techniques if t != "baseline"]
    if len(others) == 1 and len(techniques) == 2:
        return f"Does {display_name(others[0])} help against class imbalance?"
    if len(others) > 1:
        return "Which technique helps against class imbalance?"
    return "A class-imbalance sweep"


def _cams(run: Run, images: ImageSet | None, wanted: bool) -> tuple[Plot | None, str]:
    """The figure, or None and a sentence that says why."""
    again = f"sweep report {run.path}"
    if not wanted:
        return None, f"Class activation maps were not asked for; `{again}` without --no-cams adds them."
    if images is None:
        return None, (
            "The images were not at hand when this report was written, so it has no class activation maps; add them by "
            f"`{again} --data {run.info['data']['source']}` with the run's own data."
        )
    from sweep.analysis.cams import cam_plot

    found = cam_plot(run, images)
    return (found, "") if isinstance(found, Plot) else (None, found)


def _warnings(run: Run) -> list[str]:
    lines = []
    trials = run.trials()
    unended = int(trials["status"].isin(("waiting", "running")).sum()) if len(trials) else 0
    if unended:
        lines.append(
            f"This run is unfinished: {unended} of {len(trials)} trials have not ended; `sweep resume {run.path}`."
        )
    failed = int(trials["status"].isin(("failed", "diverged")).sum()) if len(trials) else 0
    if failed:
        lines.append(f"{failed} of {len(trials)} trials failed or diverged; they are listed under Failures.")
    again = [trial for trial, times in _opened(run).items() if times > 1]
    if again:
        lines.append(
            f"The test split was opened more than once for {len(again)} trial(s): the numbers are less independent."
        )
    smallest = min(run.info["data"]["class_counts"]["test"])
    if smallest < 50:
        lines.append(
            f"The smallest class has {smallest} test images: its rates move in steps of {1 / max(smallest, 1):.3f}."
        )
    return lines


def _opened(run: Run) -> Counter[str]:
    return Counter(trial for opening in run.test_openings() for trial in opening["trials"])


def _openings(run: Run) -> list[str]:
    lines = [f"Opened {o['time']} for {len(o['trials'])} trial(s)." for o in run.test_openings()]
    if not lines:
        return ["It has not been opened."]
    times = max(_opened(run).values(), default=0)
    often = "once" if times == 1 else f"up to {times} times"
    return [*lines, f"Each chosen trial was tested {often}; configurations were chosen on validation before that."]


def _data(data: dict[str, Any]) -> list[tuple[str, str]]:
    names = data["class_names"]
    rows = [
        ("Source", str(data["source"])),
        ("Fingerprint", f"{data['fingerprint']} (pixels and labels)"),
        ("Images", f"{data['images']:,}, stored as {' x '.join(map(str, data['shape'][1:]))}"),
        ("Classes", ", ".join(names)),
    ]
    if data["positive"] is not None:
        rows.append(("Positive class", str(names[data["positive"]])))
    for part, counts in data["class_counts"].items():
        ratio = max(counts) / min(counts) if min(counts) else float("inf")
        named = ", ".join(f"{count:,} {name}" for name, count in zip(names, counts, strict=True))
        rows.append((part.capitalize(), f"{named} (imbalance ratio {ratio:.2f})"))
    return [*rows, ("Split fingerprint", str(data["split_fingerprint"]))]


def _limits(run: Run) -> list[str]:
    lines = ["This is research software, not for diagnosis; no number here says how a network does on other patients."]
    if is_phantom(run):
        lines.append("The images are drawings made by a program, not patients; no result carries over to medicine.")
    tested = max((len(chosen["seeds"]) for chosen in run.selection()), default=0)
    if tested:
        many = "one seed" if tested == 1 else f"{tested} seeds"
        lines.append(
            f"The spread is over {many} on one fixed split: it holds the chance in training, not that in which "
            "patients were sampled."
        )
    lines.append("Decisions are made for the most probable class; no threshold was tuned.")
    lines.append(
        "A class activation map shows what spoke for a decision, coarsely; it does not show why, nor that it was right."
    )
    return lines


def _references(techniques: list[str], cams: bool) -> list[tuple[str, str, str]]:
    rows = []
    for name in techniques:
        try:
            technique = get_technique(name)
        except UserError:  # an older run's technique that this version no longer has
            continue
        rows.append((display_name(name), technique.summary, technique.reference.rstrip(".")))
    rows.append(("Network", "ResNet18.", "He et al., Deep Residual Learning for Image Recognition, CVPR 2016"))
    rows.append(
        ("Adjustment", "p-values for several techniques.", "Holm, Scandinavian Journal of Statistics 6(2), 1979")
    )
    if cams:
        from sweep.analysis.cams import METHOD, REFERENCE

        rows.append((METHOD, "class activation maps.", REFERENCE))
    return rows


def report_folder(run: Run) -> Path:
    return run.path / "report"
