"""Where the networks look: class activation maps of each technique's best trial on the same test images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import torch
from torch import nn
from torchcam.methods import SmoothGradCAMpp

from balancing.errors import UserError
from sweep.analysis.cam_figure import cam_grid
from sweep.analysis.figure import Plot, shortened
from sweep.analysis.naming import display_name, in_order
from sweep.analysis.tables import chosen_trials, predictions, selection_metric
from sweep.model import restore
from sweep.records import Run

if TYPE_CHECKING:
    from balancing.images import ImageSet

LAYER = "layer4"
METHOD = "SmoothGradCAM++"
REFERENCE = "Omeiza et al., Smooth Grad-CAM++, arXiv:1908.01224, 2019, as in torchcam"
MOST_CASES = 8


def class_activation_map(model: nn.Module, image: torch.Tensor, target_class: int, seed: int = 0) -> np.ndarray:
    """SmoothGradCAM++ of one image on the last block, by torchcam.

    torchcam draws its noise from the global generator and weighs the activations of the last noisy pass; so the
    generator is seeded here (and put back), one image goes at a time, and everything is float32.

    Args:
        model: ResNet18, any device; used in evaluation mode and float32, left as it was.
        image: (3, H, W) or (1, 3, H, W), normalised as in training (``sweep.trial.to_input``).
        target_class: whose evidence is shown, 0..C-1.
        seed: of the noise; equal seeds give equal maps.
    Returns:
        (H, W) float32 in [0, 1]; all 0 where nothing speaks for the class, or where the block has but one field. It is
        enlarged from ceil(H / 32) x ceil(W / 32) fields: no finer place can be told.
    Raises:
        ValueError: more than one image.
    Reference: Omeiza et al., arXiv:1908.01224, 2019.
    """
    batch = image.unsqueeze(0) if image.ndim == 3 else image
    if len(batch) != 1:
        raise ValueError(f"a map is made of one image at a time, but {len(batch)} were given")
    device = next(model.parameters()).device
    batch = batch.to(device=device, dtype=torch.float32)
    was_training = model.training
    model.eval()
    devices = [device] if device.type == "cuda" else []
    try:
        with (
            torch.random.fork_rng(devices=devices),
            torch.enable_grad(),
            torch.autocast(device.type, enabled=False),
            SmoothGradCAMpp(model, target_layer=LAYER, input_shape=tuple(batch.shape[1:])) as extractor,
        ):
            torch.manual_seed(seed)
            scores = model(batch)
            coarse = extractor(int(target_class), scores)[0]
    finally:
        model.train(was_training)
    fine = nn.functional.interpolate(coarse[None].float(), size=batch.shape[-2:], mode="bilinear", align_corners=False)
    return np.nan_to_num(fine[0, 0].detach().cpu().numpy()).clip(0.0, 1.0).astype(np.float32)


def best_trials(run: Run) -> pd.DataFrame:
    """The chosen trial of each technique with the highest selection metric on validation; equal: the earlier seed."""
    chosen = chosen_trials(run)
    if chosen.empty:
        return chosen
    best = chosen.groupby("technique")[selection_metric(run)].idxmax()
    return chosen.loc[[best[technique] for technique in in_order(chosen["technique"])]].reset_index(drop=True)


@dataclass(frozen=True)
class Case:
    """A test image that every technique is shown on.

    Args:
        row: of the image set.
        label: its true class.
        why: what it was chosen for, in words.
    """

    row: int
    label: int
    why: str


def choose_cases(tested: dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]) -> list[Case]:
    """Of each class a test image that most techniques get right and surest, and one that most get wrong.

    Args:
        tested: technique -> (rows (N,), labels (N,), probabilities (N, C)), the same rows in the same order.
    Returns:
        At most ``MOST_CASES``, by class; the same for the same predictions. Where nobody errs in a class, its least
        sure image stands in, and says so.
    """
    rows, labels, first = next(iter(tested.values()))
    stacked = np.stack([probabilities for _, _, probabilities in tested.values()])
    true = np.take_along_axis(stacked, labels[None, :, None], axis=2)[..., 0].mean(axis=0)
    wrong = (stacked.argmax(axis=2) != labels).sum(axis=0)
    cases: list[Case] = []
    for label in range(first.shape[1]):
        own = np.flatnonzero(labels == label)
        if not len(own) or len(cases) >= MOST_CASES:
            continue
        by_ease = own[np.lexsort((rows[own], -true[own], wrong[own]))]
        easy, hard = by_ease[0], by_ease[-1]
        cases.append(Case(int(rows[easy]), label, _in_words(int(wrong[easy]), len(tested))))
        if hard != easy:
            cases.append(Case(int(rows[hard]), label, _in_words(int(wrong[hard]), len(tested))))
    return cases


def _in_words(wrong: int, techniques: int) -> str:
    if techniques == 1:
        return "wrong" if wrong else "right"
    if wrong == 0:
        return "all right"
    return "all wrong" if wrong == techniques else f"{wrong} of {techniques} wrong"


def outcome(probabilities: np.ndarray, label: int | None, class_names: list[str]) -> str:
    """``PNEUMONIA .93, correct``: the decided class, its probability, and whether it is true (where that is known)."""
    decided = int(probabilities.argmax())
    chance = f"{probabilities[decided]:.2f}".removeprefix("0")
    ending = "" if label is None else ", correct" if decided == label else ", wrong"
    return f"{shortened(class_names[decided], 14)} {chance}{ending}"


def check_images(run: Run, images: ImageSet) -> None:
    """Raises UserError where the images are not those of the run."""
    expected = run.info["data"]["fingerprint"]
    if images.fingerprint != expected:
        raise UserError(
            f"the images of {images.source} have fingerprint {images.fingerprint}, but the run used {expected}; give "
            f"the run's own data ({run.info['data']['source']}) at its image size"
        )


def network_input(pixels: np.ndarray, mean: float, std: float) -> torch.Tensor:
    """(H, W) or (H, W, 3) uint8 -> (1, 3, H, W) float32, normalised as in training."""
    from sweep.trial import to_input

    return to_input(torch.from_numpy(np.array(pixels))[None], mean, std)


def cam_plot(run: Run, images: ImageSet, seed: int = 0) -> Plot | str:
    """The grid: a row a test image; the image, then the map of each technique's best trial over it.

    Args:
        images: the run's own.
        seed: of the maps' noise.
    Returns:
        The figure, or a sentence on why there is none.
    Raises:
        UserError: other images than the run's.
    """
    check_images(run, images)
    best = best_trials(run)
    if len(best):
        best = best[[run.trial(trial_id).best.is_file() for trial_id in best["trial_id"]]]
    tested = {str(t.technique): predictions(run, str(t.trial_id), "test") for t in best.itertuples()}
    found = {technique: value for technique, value in tested.items() if value is not None}
    if not found:
        return "No class activation maps: the run keeps no network of a trial that was tested."
    cases = choose_cases(found)
    maps: dict[str, list[np.ndarray]] = {}
    for trial in best.itertuples():
        technique = str(trial.technique)
        if technique not in found:
            continue
        model, facts = restore(run.trial(str(trial.trial_id)).best)
        maps[technique] = []
        for case in cases:
            pixels = network_input(images.pixels[case.row], facts["spec"]["mean"], facts["spec"]["std"])
            decided = int(_of_row(found[technique], case.row).argmax())
            maps[technique].append(class_activation_map(model, pixels, decided, seed))
    masks = np.load(images.masks_path, mmap_mode="r") if images.masks_path else None
    figure = cam_grid(
        images=[np.asarray(images.pixels[case.row]) for case in cases],
        titles=[f"True: {shortened(run.class_names[case.label], 14)}\n{case.why}" for case in cases],
        maps={display_name(technique): heat for technique, heat in maps.items()},
        outcomes={
            display_name(technique): [
                outcome(_of_row(found[technique], case.row), case.label, run.class_names).replace(", ", "\n")
                for case in cases
            ]
            for technique in maps
        },
        masks=[None if masks is None else np.asarray(masks[case.row]) for case in cases],
    )
    missing = len(best_trials(run)) - len(maps)
    return Plot(
        "cams",
        "Where the networks look",
        figure,
        _caption(images, cases, missing),
        _alt(cases, maps),
        wide=True,
        raster=True,
    )


def _of_row(tested: tuple[np.ndarray, np.ndarray, np.ndarray], row: int) -> np.ndarray:
    rows, _, probabilities = tested
    return probabilities[int(np.flatnonzero(rows == row)[0])]


def _caption(images: ImageSet, cases: list[Case], missing: int) -> str:
    text = (
        f"{METHOD} on the last block ({LAYER}) of each technique's best trial (highest validation metric among the "
        "chosen ones), for the class that trial decided on. The same test images for all: of each class the one that "
        "most techniques get right and surest, and the one that most get wrong. Above each map: the decision, its "
        "probability, the outcome. Each map is scaled to its own largest value, so brightness compares places within "
        "a map, not maps."
    )
    fields = [-(-side // 32) for side in images.pixels.shape[1:3]]
    if min(fields) == 1:
        text += (
            f" At {images.pixels.shape[1]} pixels a side the last block has one field alone, so no place can be told."
        )
    else:
        text += f" The last block sees these images as {fields[0]} x {fields[1]} fields; no finer place can be told."
    if images.masks_path:
        text += " The outline is the drawn lesion, known here because the images are drawings."
    if missing:
        text += f" {missing} technique(s) are missing: their networks were not kept."
    return text


def _alt(cases: list[Case], maps: dict[str, list[np.ndarray]]) -> str:
    shown = ", ".join(display_name(t) for t in maps)
    return f"Grid of {len(cases)} test images, each with the class activation maps of {shown}."
