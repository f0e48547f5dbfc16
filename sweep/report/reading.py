"""How data were read, in blocks: for the page of `sweep look` and for the report."""

from __future__ import annotations

import pandas as pd

from balancing.data.look import MOST_CLASSES, Look
from balancing.data.options import flag
from sweep.analysis.figures.examples import examples_plot
from sweep.report.blocks import Block, Facts, Figures, Listing, Paragraph
from sweep.report.build import Content
from sweep.report.render import page_html
from sweep.report.section import Section
from sweep.report.table import Cell, Table, number
from sweep.report.words.headline import Headline

# What a reader may want otherwise, and the options for it.
CHANGES = (
    ("which files are images", ("images", "skip_bad", "page")),
    ("where the classes come from", ("labels", "label_column", "label_pattern", "folders", "layout")),
    ("what a value of the label means", ("label_map", "positive", "uncertain", "unlabelled")),
    ("which classes there are", ("merge", "min_class_images")),
    ("what trains, validates and tests", ("split_column", "split_map", "split_list", "fold_column", "test_fold")),
    ("which images are of one patient", ("patient_column", "patient_table", "patient_pattern")),
    ("how an image becomes a square", ("resize",)),
)


def look_page(look: Look) -> str:
    """The whole page as HTML; nothing is loaded from elsewhere."""
    sections = [
        Section("classes", "Classes and splits", [counts_by_split(look), Facts(_facts(look))]),
        Section("notes", "What was decided", [_notes(look)], question="What was seen, left out or assumed?"),
        Section("images", "Images", _images(look), question="Do the images show what their class says?"),
        Section(
            "changes",
            "What would change it",
            [_changes(look), Paragraph("docs/data.md has the rules by which folders, tables and names are read.")],
        ),
    ]
    content = Content(
        title="How these data are read",
        kicker=f"Balancing Act · {look.source}",
        headline=Headline(in_a_sentence(look)),
        verdict="",
        aside="",
        warnings=warnings_of(look),
        sections=sections,
        footer="Made by sweep look. It holds images of the data: keep it as private as they are.",
    )
    return page_html(content)


def in_a_sentence(look: Look) -> str:
    """``60 images of 2 classes; ...``."""
    like = f"This looks like {look.layout}: " if look.layout else ""
    splits = ", ".join(f"{sum(counts):,} to {_VERBS[part]}" for part, counts in look.counts.items())
    own = splits if len(look.counts) > 1 else "no official split, so test and validation images are cut"
    images = f"{look.n_images:,} images of {len(look.class_names)} classes"
    return f"{like}{images}; {own}."


_VERBS = {"train": "train", "validation": "validate", "test": "test"}


def warnings_of(look: Look) -> list[str]:
    """What must be seen first: patients that are unknown, a positive class to be settled."""
    lines = []
    if look.patients is None:
        lines.append(look.patients_note)
    if look.positive is None and len(look.class_names) == 2:
        lines.append(look.positive_note)
    return lines


def counts_by_split(look: Look) -> Table:
    """Images of each class in each of the source's own splits, and patients."""
    total = [sum(column) for column in zip(*look.counts.values(), strict=True)]
    rows, data, footer = [], [], []
    for i, name in enumerate(look.class_names):
        of_class = [counts[i] for counts in look.counts.values()]
        rows.append([Cell(name, i), *(number(f"{n:,}", n) for n in of_class), number(f"{total[i]:,}", total[i])])
        data.append({"class": name, **dict(zip(look.counts, of_class, strict=True)), "all": total[i]})
    if look.patients is not None:
        footer = [[Cell("Patients"), *(number(f"{n:,}", n) for n in look.patients.values()), Cell("")]]
    headers = ["Class", *(part.capitalize() for part in look.counts), "All"]
    caption = "Images of each class in the splits that the data have of their own" + (
        ", and patients below." if look.patients is not None else "."
    )
    return Table("classes_by_split", caption, headers, rows, pd.DataFrame(data), footer)


def _facts(look: Look) -> list[tuple[str, str]]:
    facts = [
        ("Data", look.source),
        ("Known data set", look.layout or "none"),
        ("Classes", f"told by {look.labels_from}"),
    ]
    facts.append(("Positive class", look.positive_note))
    facts.append(("Patients", look.patients_note))
    if look.folds:
        facts.append(("Folds", ", ".join(f"{fold} ({count:,})" for fold, count in look.folds.items())))
    given = look.options.given()
    if given:
        facts.append(("Asked for", ", ".join(f"{flag(name)} {value}" for name, value in given.items())))
    return facts


def _notes(look: Look) -> Block:
    return Listing(look.notes) if look.notes else Paragraph("Nothing but folders and files as they stand.")


def _images(look: Look) -> list[Block]:
    blocks: list[Block] = [Figures([examples_plot(look.examples)])]
    if len(look.class_names) > MOST_CLASSES:
        blocks.append(Paragraph(f"The first {MOST_CLASSES} of {len(look.class_names)} classes are shown."))
    return blocks


def _changes(look: Look) -> Block:
    return Facts([(what, ", ".join(flag(name) for name in names)) for what, names in CHANGES])
