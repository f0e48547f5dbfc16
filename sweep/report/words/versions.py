"""What trained a run's trials: one set of versions, or several, which a reader must know."""

from __future__ import annotations

from sweep.analysis.results import Results
from sweep.runs.versions import TRAINING


def mixed_lines(results: Results) -> list[str]:
    """A sentence for each set of versions that trained trials, with how many; [] where all were trained alike."""
    counts: dict[str, int] = {}
    for record in results.records.values():
        status = record.status
        if "attempts" not in status:
            continue
        sets = status.get("trained_with") or [results.info["versions"]]
        named = " and then ".join(
            ", ".join(f"{name} {known[name]}" for name in TRAINING if name in known) for known in sets
        )
        counts[named] = counts.get(named, 0) + 1
    if len(counts) < 2 and not any(" and then " in named for named in counts):
        return []
    return [f"{count} trial(s) were trained with {named}." for named, count in counts.items()]
