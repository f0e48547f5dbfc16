"""How data are read, as the terminal shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from balancing.data.look import Look
from balancing.data.options import flag
from sweep.report.reading import CHANGES, in_a_sentence

if TYPE_CHECKING:
    from rich.console import RenderableType


def look_view(look: Look) -> list[RenderableType]:
    """One sentence, classes by splits, patients, the positive class, what was decided, and the options."""
    table = Table(box=None, pad_edge=False, title="Images", title_justify="left")
    table.add_column("class")
    for part in look.counts:
        table.add_column(part, justify="right")
    for i, name in enumerate(look.class_names):
        table.add_row(Text(name), *(f"{counts[i]:,}" for counts in look.counts.values()))
    if look.patients is not None:
        table.add_row(Text("patients", style="dim"), *(f"{n:,}" for n in look.patients.values()))
    unsettled = look.positive is None and len(look.class_names) == 2
    lines: list[RenderableType] = [
        Text(in_a_sentence(look), style="bold"),
        table,
        Text(f"Classes are told by {look.labels_from}."),
        Text(look.positive_note, style="yellow" if unsettled else ""),
        Text(look.patients_note, style="yellow" if look.patients is None else ""),
    ]
    if look.folds:
        lines.append(Text("Folds: " + ", ".join(f"{fold} ({count:,})" for fold, count in look.folds.items()) + "."))
    lines += [Text(note) for note in look.notes]
    lines.append(Text("Otherwise:"))
    lines += [Text(f"  {what}: {', '.join(map(flag, names))}") for what, names in CHANGES]
    return lines
