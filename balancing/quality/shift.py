"""Whether the test split is like the training split: class shares, and images within each class.

A network that is good on validation, which is cut from training, may be much worse on a test split that comes from
elsewhere; that is known before anything is trained.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from balancing.data.images import ImageSet
from balancing.data.patients import FEWEST
from balancing.data.pixels.pooling import pooled
from balancing.data.splits import PARTS, Split
from balancing.quality.areas import Area, clustered_area, combined_area, group_codes, standard_normal
from balancing.quality.findings import Finding, Severity
from balancing.quality.heldout import FOLDS, folds_by_group
from balancing.quality.properties import Property

# What the interval must lie above to be a note, and a warning.
NOTE, WARNING = 0.55, 0.6
_LEVEL = 0.95
# A thumbnail's side for this, its principal components, and how many images of a part are looked at.
_SIDE, _COMPONENTS, _MOST = 16, 48, 3_000
_MOST_WORDS = 8
# Draws of class shares by chance, and what counts: a rare difference that is also of some size.
_DRAWS, _RARE, _POINTS = 9_999, 0.01, 0.05


def shift_findings(
    images: ImageSet, split: Split, small: np.ndarray, properties: Sequence[Property], rng: np.random.Generator
) -> list[Finding]:
    """What sets test (and validation) apart from training.

    Args:
        small: (N, K) thumbnails, see ``duplicates.thumbnails``.
        properties: of all N images.
        rng: draws samples, folds and class shares.
    """
    rows = {part: _sample(getattr(split, part), images.labels, rng) for part in PARTS}
    used = np.unique(np.concatenate(list(rows.values())))
    features = _features(small[used], [replace(one, values=one.values[used]) for one in properties])
    groups = group_codes(None if images.patients is None else images.patients[used], len(used))
    at = {part: np.searchsorted(used, own) for part, own in rows.items()}
    told = {}
    for part in ("validation", "test"):
        here = np.concatenate([at["train"], at[part]])
        is_other = np.repeat([False, True], [len(at["train"]), len(at[part])])
        labels = images.labels[used[here]]
        told[part] = classifier_two_sample_test(features[here], is_other, labels, groups[here], images.class_names, rng)
    found = [_differs(part, areas, told, images.class_names) for part, areas in told.items()]
    return [one for one in [*found, _class_shares(images, split, rng)] if one is not None]


def _features(small: np.ndarray, properties: Sequence[Property]) -> np.ndarray:
    """(N, F) float64: what is known of each image, of spread about 1, and its squares: spreads may differ too."""
    side = int(np.sqrt(small.shape[1]))
    coarse = pooled(small.reshape(-1, side, side), _SIDE).reshape(len(small), -1)
    coarse -= coarse.mean(axis=0)
    _, vectors = np.linalg.eigh(coarse.T @ coarse)
    main = coarse @ vectors[:, -_COMPONENTS:]
    main /= np.maximum(main.std(axis=0), 1e-9)
    columns = [column for one in properties for column in _columns(one)]
    x = np.column_stack([main, *columns])
    return np.concatenate([x, (x**2 - 1) / 2], axis=1)


def _columns(one: Property) -> list[np.ndarray]:
    """Ranks of numbers, spread evenly with deviation 1; a column for each of the most frequent words."""
    known = ~np.isnan(one.values)
    distinct, counts = np.unique(one.values[known], return_counts=True)
    if len(distinct) < 2:
        return []
    if not one.ordered:
        return [(one.values == word).astype(float) for word in distinct[np.argsort(-counts)][:_MOST_WORDS]]
    column = np.zeros(len(known))
    middle = (np.cumsum(counts) - counts / 2) / counts.sum() - 0.5
    column[known] = middle[np.searchsorted(distinct, one.values[known])] * np.sqrt(12)
    return [column]


def classifier_two_sample_test(
    features: np.ndarray,
    is_other: np.ndarray,
    labels: np.ndarray,
    groups: np.ndarray,
    class_names: Sequence[str],
    rng: np.random.Generator,
) -> dict[str, Area]:
    """How well a logistic regression tells images of another part from training images of their class.

    Each image is scored by a fit without its fold; folds keep patients together. Images are compared within their
    class alone, so other class shares tell nothing.

    Args:
        features: (N, F).
        is_other: (N,) bool, False of training images.
        labels: (N,) int64, 0..C-1.
        groups: (N,) int64, e.g. the patient.
        class_names: (C,).
        rng: shares groups out among folds.
    Returns:
        Class -> AUROC with interval over patients, of classes with at least ``FEWEST`` patients in both parts, and
        ``""`` -> of all these together; the intervals hold together with chance 0.95. Empty where no class has.
    Reference: Lopez-Paz & Oquab, Revisiting classifier two-sample tests, ICLR 2017.
    """
    from sklearn.linear_model import LogisticRegression

    strata = {}
    for label, name in enumerate(class_names):
        own = np.flatnonzero(labels == label)
        patients = [len(np.unique(groups[own[is_other[own] == side]])) for side in (False, True)]
        if min(patients) >= FEWEST:
            strata[name] = own
    if not strata:
        return {}
    used = np.sort(np.concatenate(list(strata.values())))
    kinds = np.unique(labels * 2 + is_other, return_inverse=True)[1].reshape(-1)
    folds = np.full(len(labels), -1)
    folds[used] = folds_by_group(kinds[used], groups[used], rng, min(FOLDS, np.bincount(kinds[used]).max()))
    scores = np.zeros(len(labels))
    weights = _equal_weights(kinds, used)
    for fold in np.unique(folds[used]):
        fit, held_out = used[folds[used] != fold], used[folds[used] == fold]
        if len(np.unique(is_other[fit])) < 2:
            continue
        model = LogisticRegression(C=0.05, max_iter=1000)
        model.fit(features[fit], is_other[fit], sample_weight=weights[fit])
        scores[held_out] = model.decision_function(features[held_out])
    reach = standard_normal(1 - (1 - _LEVEL) / (len(strata) + 1))
    found = {name: clustered_area(is_other[own], scores[own], groups[own], reach) for name, own in strata.items()}
    together = combined_area([(is_other[own], scores[own], groups[own]) for own in strata.values()], reach)
    return {**found, "": together}


def _equal_weights(kinds: np.ndarray, used: np.ndarray) -> np.ndarray:
    """(N,) weights by which each class weighs the same in either part, 1 in the mean."""
    counts = np.bincount(kinds[used], minlength=int(kinds.max()) + 1)
    there = np.maximum(counts, 1)
    return len(used) / ((counts > 0).sum() * there[kinds])


def _sample(rows: np.ndarray, labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """At most ``_MOST`` of the rows, of each class its share but not fewer than there are or 100."""
    if len(rows) <= _MOST:
        return rows
    kept = []
    for label in np.unique(labels[rows]):
        own = rows[labels[rows] == label]
        most = min(len(own), max(100, round(_MOST * len(own) / len(rows))))
        kept.append(rng.choice(own, most, replace=False))
    return np.sort(np.concatenate(kept))


def _severity(areas: dict[str, Area]) -> Severity | None:
    low = max((area.low for area in areas.values()), default=0.0)
    return "warning" if low > WARNING else "note" if low > NOTE else None


def _differs(
    part: str, areas: dict[str, Area], told: dict[str, dict[str, Area]], class_names: Sequence[str]
) -> Finding | None:
    severity = _severity(areas)
    if severity is None:
        return None
    whole = areas[""]
    worst = max((name for name in class_names if name in areas), key=lambda name: areas[name].low)
    text = f"{part.capitalize()} images differ from training images of the same class: a classifier tells them apart "
    text += f"with an AUROC of {whole.value:.2f} ({whole.low:.2f} to {whole.high:.2f}"
    if len(areas) > 2:
        text += f"; those of {worst} {areas[worst].value:.2f}"
    control = told["validation"].get("") if part == "test" else None
    text += f"; validation images {control.value:.2f})" if control else ")"
    if part == "test":
        as_bad = _severity(told["validation"]) is not None
        text += ": expect results on test " + (
            "unlike those on validation." if as_bad else "below those on validation."
        )
        advice = (
            "Look at images of both side by side and find out where each comes from; choose nothing by the test split "
            "all the same."
        )
    else:
        text += ": networks are chosen by other images than they learn from."
        advice = "Look at images of both side by side; a folder without splits is cut at random, by patient."
    values = {
        "part": part,
        "auroc": [whole.value, whole.low, whole.high],
        "by_class": {name: [one.value, one.low, one.high] for name, one in areas.items() if name},
    }
    if control:
        values["validation"] = [control.value, control.low, control.high]
    return Finding("split_differs", severity, text, advice, values=values)


def _class_shares(images: ImageSet, split: Split, rng: np.random.Generator) -> Finding | None:
    """Other class shares in test than in training and validation, over patients (chi-square, by random draws)."""
    rest = np.concatenate([split.train, split.validation])
    counts = np.array([_patients(images, rows) for rows in (rest, split.test)])
    if not counts.sum(axis=1).all():
        return None
    shares = counts / counts.sum(axis=1, keepdims=True)
    label = 1 if images.n_classes == 2 else int(np.abs(shares[1] - shares[0]).argmax())
    apart = abs(shares[1, label] - shares[0, label])
    if apart <= _POINTS:
        return None
    total = counts.sum(axis=0)
    drawn = rng.multivariate_hypergeometric(total, int(counts[1].sum()), size=_DRAWS, method="marginals")
    expected = total * counts[1].sum() / total.sum()

    def squares(test: np.ndarray) -> np.ndarray:
        return ((test - expected) ** 2 / np.maximum(expected, 1e-9)).sum(axis=-1)

    p = (1 + int((squares(drawn) >= squares(counts[1]) - 1e-9).sum())) / (_DRAWS + 1)
    if p >= _RARE:
        return None
    thing = "images" if images.patients is None else "patients"
    return Finding(
        "class_shares_differ",
        "note",
        f"Class shares differ: {images.class_names[label]} is {shares[1, label]:.0%} of the {thing} in test and "
        f"{shares[0, label]:.0%} of those in training and validation (p {'< 0.001' if p < 0.001 else f'= {p:.3f}'}).",
        "Precision, predictive values, thresholds and calibration depend on the share: on test they are of test's own.",
        values={"class": images.class_names[label], "shares": shares.tolist(), "p": p},
    )


def _patients(images: ImageSet, rows: np.ndarray) -> np.ndarray:
    """(C,) patients of each class; one with several classes counts as of the rarest of these."""
    groups = group_codes(None if images.patients is None else images.patients[rows], len(rows))
    labels = images.labels[rows]
    by_rarity = np.argsort(-np.bincount(images.labels, minlength=images.n_classes), kind="stable")
    rank = np.argsort(by_rarity, kind="stable")
    rarest = np.full(int(groups.max(initial=-1)) + 1, -1)
    np.maximum.at(rarest, groups, rank[labels])
    return np.bincount(by_rarity[rarest], minlength=images.n_classes)
