"""Which test images maps are shown on, and the maps of each technique's best trial there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch

from sweep.analysis.maps.methods import DEFAULT_METHOD, FIELD, cam_method
from sweep.analysis.maps.networks import deciding_trials, kept_trials, networks, shown_trials
from sweep.analysis.results import Results
from sweep.analysis.run_images import check_images

if TYPE_CHECKING:
    from balancing.data.images import ImageSet

MOST_CASES = 9


@dataclass(frozen=True)
class Case:
    """A test image that every technique is shown on.

    Args:
        row: of the image set.
        label: its true class.
        kind: what it was chosen for.
        wrong: how many techniques err on it.
    """

    row: int
    label: int
    kind: Literal["sure", "unsure", "wrong"]
    wrong: int


def choose_cases(tested: dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]) -> list[Case]:
    """Of each class a test image that is sure and correct, one that is unsure, and one that is wrong.

    Sure: the fewest techniques err (none, where there is such an image), then the highest mean probability of the true
    class. Wrong: the most techniques err, then the lowest; left out where nobody errs in the class. Unsure: of the
    others the one whose two highest probabilities lie closest together, on average over techniques.

    Args:
        tested: technique -> (rows (N,), labels (N,), probabilities (N, C)), the same rows in the same order.
    Returns:
        At most ``MOST_CASES``, by class; the same for the same predictions. With more than three classes the unsure
        ones go first, then the wrong ones, so that every class has its turn.
    """
    rows, labels, first = next(iter(tested.values()))
    stacked = np.stack([probabilities for _, _, probabilities in tested.values()])
    true = np.take_along_axis(stacked, labels[None, :, None], axis=2)[..., 0].mean(axis=0)
    wrong = (stacked.argmax(axis=2) != labels).sum(axis=0)
    ordered = np.sort(stacked, axis=2)
    margin = (ordered[..., -1] - ordered[..., -2]).mean(axis=0)
    shown = [label for label in range(first.shape[1]) if (labels == label).any()]
    kinds = max(1, min(3, MOST_CASES // max(1, len(shown))))
    cases: list[Case] = []
    for label in shown[:MOST_CASES]:
        own = np.flatnonzero(labels == label)
        by_ease = own[np.lexsort((rows[own], -true[own], wrong[own]))]
        easy, hard = by_ease[0], by_ease[-1]
        rest = own[(own != easy) & ((own != hard) | (wrong[hard] == 0))]
        picked: list[tuple[np.int64, Literal["sure", "unsure", "wrong"]]] = [(easy, "wrong" if wrong[easy] else "sure")]
        if kinds > 2 and len(rest):
            picked.append((rest[np.lexsort((rows[rest], margin[rest]))[0]], "unsure"))
        if kinds > 1 and hard != easy and wrong[hard]:
            picked.append((hard, "wrong"))
        for row, kind in picked:
            cases.append(Case(int(rows[row]), label, kind, int(wrong[row])))
    return cases


@dataclass(frozen=True)
class CaseMaps:
    """The maps of a few test images, of each technique's best trial.

    Args:
        cases: (R,) the images.
        pixels: (R, H, W) or (R, H, W, 3) uint8.
        probabilities: technique -> (R, C) float64, as recorded.
        maps: technique -> (R, H, W) float32 in [0, 1], for the class that the technique's network decided on.
        method: a key of ``CAM_METHODS``.
        missing: techniques without a kept network, of those whose maps are made.
        others: techniques whose maps are not made, for there are too many.
        field: pixels a side of one field of the networks' last block.
        block: which block that is, in words.
    """

    cases: list[Case]
    pixels: np.ndarray
    probabilities: dict[str, np.ndarray]
    maps: dict[str, np.ndarray]
    method: str
    missing: int
    field: int = FIELD
    others: int = 0
    block: str = "the last block"


def case_maps(
    run: Results,
    images: ImageSet,
    seed: int = 0,
    *,
    method: str = DEFAULT_METHOD,
    device: str | torch.device = "cpu",
) -> CaseMaps | None:
    """Chooses the cases and makes their maps.

    Args:
        images: the run's own.
        seed: of the maps' noise.
        method: a key of ``CAM_METHODS``.
        device: where the maps are made.
    Returns:
        None where the run keeps no network of a tested trial.
    Raises:
        UserError: other images than the run's, or an unknown method.
    """
    check_images(run, images)
    cam_method(method)
    tested = {technique: value for technique, (_, value) in kept_trials(run).items()}
    if not tested:
        return None
    cases = choose_cases(tested)
    rows = np.array([case.row for case in cases])
    pixels = images.pixels[rows]
    probabilities, maps, field, block = {}, {}, FIELD, ""
    for network in networks(run, device):
        own = network.of_rows(rows)
        probabilities[network.technique], field, block = own, network.field, network.block
        maps[network.technique] = network.maps(pixels, own.argmax(axis=1), np.full(len(rows), seed), method)
    wanted = len(shown_trials(run))
    counts = {"missing": wanted - len(maps), "others": len(deciding_trials(run)) - wanted}
    return CaseMaps(cases, pixels, probabilities, maps, method, field=field, block=block, **counts)
