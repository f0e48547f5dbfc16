"""What an audit says where nothing tells patients apart: that, and what file names would tell."""

from __future__ import annotations

import numpy as np

from balancing.data.images import ImageSet
from balancing.data.options import NONE
from balancing.data.patient_names import Proposal, proposals
from balancing.quality.findings import Finding


def unknown_patients(images: ImageSet, part_of: np.ndarray) -> list[Finding]:
    """A warning; and for each pattern that file names suggest the patients that the split would tear under it.

    Args:
        images: whose patients are unknown.
        part_of: (N,) str, the part of the split that each image lies in; "" for none.
    """
    found = [
        Finding(
            "patients_unknown",
            "warning",
            "Nothing tells the patients apart: images of one patient may lie on both sides of a split.",
            "Name the patients by --patient-column, --patient-table, or by --patient-pattern on the file names.",
        )
    ]
    if (images.reading or {}).get("patient_pattern") == NONE:
        return found
    parts = [str(part) for part in part_of]
    names = images.names.tolist()
    suggested = proposals(names, parts)
    if not suggested and images.paths is not None:
        suggested = proposals(images.paths.tolist(), parts, whole=True)
    return [*found, *(_torn(images, one) for one in suggested if one.torn())]


def _torn(images: ImageSet, proposal: Proposal) -> Finding:
    shared = [f"{n:,} in both {one} and {other}" for (one, other), n in proposal.torn().items()]
    sides: dict[str, set[str]] = {}
    files: dict[str, list[str]] = {}
    for one, part, split, name in zip(
        proposal.ids, proposal.splits, images.splits.tolist(), images.names.tolist(), strict=True
    ):
        if one is not None:
            sides.setdefault(one, set()).add(part)
            files.setdefault(one, []).append(f"{split}/{name}")
    groups = tuple(tuple(files[one]) for one in files if len(sides[one]) > 1)
    return Finding(
        "patients_in_names",
        "warning",
        f"If file names carry the patient (such as {proposal.example}), the splits share {' and '.join(shared)} of "
        f"{proposal.n_patients:,} patients.",
        f"Give --patient-pattern '{proposal.pattern}', or --patient-pattern none if they don't.",
        groups,
        {"pattern": proposal.pattern, "patients": proposal.n_patients, "torn": len(groups)},
    )
