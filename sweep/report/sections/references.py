"""Whose methods the run and its report use."""

from __future__ import annotations

from balancing.components.techniques import JOINS, get_technique
from balancing.errors import UserError
from sweep.analysis.names import display_name, in_order
from sweep.analysis.results import Results
from sweep.report.blocks import Citations
from sweep.report.context import ReportContext
from sweep.report.registry import section
from sweep.report.section import SectionBody
from sweep.report.words.components import recorded
from sweep.runs.foreign import where_from
from sweep.training.networks.catalogue import reference_of, shown_name


# Last, for it lists what the sections before it cite.
@section("references", "References", 1_000_000, answers=("references",))
def references_section(context: ReportContext) -> SectionBody:
    """Techniques of the run, and the methods that its sections name."""
    run = context.run
    rows = []
    for name in in_order([*(spec.technique for spec in run.specs()), *run.decisions]):
        try:
            technique = get_technique(name)
        except UserError:  # of another version, or of a component that is not at hand
            rows += [(display_name(name), "", from_where) for from_where in _recorded_origins(run, name)]
            continue
        rows.append((display_name(name), technique.summary, technique.reference.rstrip(".")))
    rows += [
        ("Network", f"{shown_name(network)}.", reference_of(network))
        for network in dict.fromkeys(spec.architecture for spec in run.specs())
    ]
    rows.append(
        (
            "Adjustment",
            "p-values for several techniques: by their joint distribution (max-t) where it is known, else Holm's.",
            "Dunnett, JASA 50(272), 1955; Westfall & Young, Resampling-Based Multiple Testing, 1993; Holm, "
            "Scandinavian Journal of Statistics 6(2), 1979",
        )
    )
    rows.append(("Sweep", "Trials on many workers.", "Liaw et al., Tune, ICML AutoML Workshop 2018"))
    if "scheduler: asha" in run.config_yaml:
        rows.append(("Early stopping", "Successive halving within a technique.", "Li et al., MLSys 2020"))
    cited = dict.fromkeys((what, source) for made in context.before for what, source in made.references)
    rows += [(what, "", source.rstrip(".")) for what, source in cited]
    return SectionBody([Citations(rows)])


def _recorded_origins(run: Results, technique: str) -> list[str]:
    """What the records tell of a technique that is not known here; [] where they tell nothing."""
    parts = [(part, recorded(run).get(part)) for part in technique.split(JOINS)]
    told = [f"the {then['axis']} '{part}' of {where_from(then)}" for part, then in parts if then is not None]
    return [f"{' and '.join(told)}, not known here"] if told else []
