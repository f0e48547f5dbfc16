"""An audit as the terminal shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
from rich.table import Table
from rich.text import Text

from balancing.quality.audit import Audit, Finding
from balancing.quality.shortcuts import severity_of
from sweep.report.csvfile import csv_text

if TYPE_CHECKING:
    from rich.console import RenderableType

_STYLES = {"leak": "bold red", "warning": "yellow", "note": "dim"}
_MOST_GROUPS = 5
_MOST_PROPERTIES = 8


def audit_view(found: Audit, most_groups: int = _MOST_GROUPS) -> list[RenderableType]:
    """Class counts, patients, and the findings, worst first, with the files of the first groups."""
    table = Table(box=None, pad_edge=False, title="Images", title_justify="left")
    for name in ("split", *found.class_names, "imbalance ratio"):
        table.add_column(Text(name), justify="left" if name == "split" else "right")
    if found.patients["known"]:
        table.add_column("patients", justify="right")
    for part, counts in found.counts.items():
        ratio = f"{max(counts) / min(counts):.2f}" if min(counts) else "-"
        cells = [part, *(f"{n:,}" for n in counts), ratio]
        if found.patients["known"]:
            cells.append(f"{found.patients['per_part'][part]:,}")
        table.add_row(*cells)
    blocks: list[RenderableType] = [table]
    if found.patients["known"]:
        facts = found.patients
        blocks.append(
            Text(
                f"{facts['total']:,} patients, {facts['median_images']:g} images each in the median, at most "
                f"{facts['most_images']}."
            )
        )
        for part, of_class in facts.get("per_class", {}).items():
            named = ", ".join(f"{n:,} {name}" for n, name in zip(of_class, found.class_names, strict=True))
            blocks.append(Text(f"Patients in {part}: {named}."))
    else:
        blocks.append(Text("Patients are unknown: images stand for them."))
    for name, facts in found.sizes.items():
        width, height = (" to ".join(map(str, sorted(set(facts[side])))) for side in ("width", "height"))
        channels = " or ".join(map(str, facts["channels"]))
        blocks.append(Text(f"{name}: {width} x {height} pixels, {channels} channel{'s' if channels != '1' else ''}."))
    blocks += _shortcuts(found)
    blocks += [line for finding in found.findings for line in _finding(finding, most_groups)]
    if not found.findings:
        blocks.append(Text("Nothing was found."))
    return blocks


def _shortcuts(found: Audit) -> list[RenderableType]:
    """The properties that tell a class best, worst first."""
    if not found.shortcuts:
        return []
    table = Table(box=None, pad_edge=False, title="How well would it alone tell the class?", title_justify="left")
    table.add_column("property", overflow="fold")
    if len(found.class_names) > 2:
        table.add_column("class", overflow="fold")
    table.add_column("AUROC (interval over patients)", justify="right", overflow="fold")
    for one in found.shortcuts[:_MOST_PROPERTIES]:
        severity = severity_of(one)
        cells = [one.property, f"{one.auroc:.2f} ({one.low:.2f} to {one.high:.2f})"]
        if len(found.class_names) > 2:
            cells.insert(1, one.class_name)
        table.add_row(*(Text(cell, style=_STYLES.get(severity or "", "")) for cell in cells))
    blocks: list[RenderableType] = [Text(), table]
    if len(found.shortcuts) > _MOST_PROPERTIES:
        blocks.append(Text(f"and {len(found.shortcuts) - _MOST_PROPERTIES} properties that tell less.", style="dim"))
    return blocks


def files_csv(found: Audit) -> str:
    """Every file of every finding: check, severity, group (from 1), file (split/name)."""
    rows = [
        {"check": finding.check, "severity": finding.severity, "group": number, "file": file}
        for finding in found.findings
        for number, group in enumerate(finding.files, 1)
        for file in group
    ]
    columns = ["check", "severity", "group", "file"]
    return csv_text(pd.DataFrame(rows, columns=columns))


def _finding(finding: Finding, most: int) -> list[Text]:
    lines = [
        Text(),
        Text.assemble((finding.severity, _STYLES[finding.severity]), f"  {finding.title}"),
        Text(f"  {finding.advice}"),
    ]
    for group in finding.files[:most]:
        lines.append(Text(f"    {', '.join(group)}", style="dim"))
    if len(finding.files) > most:
        lines.append(Text(f"    and {len(finding.files) - most:,} more; --files FILE.csv lists all", style="dim"))
    return lines
