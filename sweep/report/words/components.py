"""What a reader must know of components from outside the package, where those of a run are not those at hand."""

from __future__ import annotations

from collections.abc import Mapping

from sweep.analysis.results import Results
from sweep.runs.foreign import identity_here, where_from


def component_lines(run: Results) -> list[str]:
    """A sentence for each recorded component that is not known here, or is another one here."""
    lines = []
    for name, then in recorded(run).items():
        here = identity_here(name)
        if then["axis"] == "decision" and here != then["identity"]:
            lines.append(_of_decision(name, then, here))
        elif here is None:
            lines.append(
                f"The {then['axis']} '{name}' of {where_from(then)} is not known where this report was written: "
                "techniques with it stand under their names in the records, and what takes its code is left out."
            )
        elif here != then["identity"]:
            lines.append(
                f"The {then['axis']} '{name}' is '{here}' where this report was written, but '{then['identity']}' "
                "trained (behind '@' stands a digest of its source): label and reference may be another's, and "
                "what takes its code is left out."
            )
    return lines


def _of_decision(name: str, then: Mapping[str, str], here: str | None) -> str:
    """A decision trained nothing, but what it decides is computed where the report is written."""
    if here is None:
        return (
            f"The decision '{name}' of {where_from(then)} is not known where this report was written: what it decided "
            "on is left out."
        )
    return (
        f"The decision '{name}' is '{here}' where this report was written, but '{then['identity']}' when the run was "
        "made (behind '@' stands a digest of its source): what is shown is decided by the one that is here."
    )


def recorded(run: Results) -> Mapping[str, Mapping[str, str]]:
    """Name -> axis, module, distribution, identity of a run's components from outside the package."""
    found: Mapping[str, Mapping[str, str]] = run.info.get("components", {})
    return found
