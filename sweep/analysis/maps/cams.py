"""Where the networks look: class activation maps of each technique's best trial on the same test images."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import nn
from torchcam.methods import GradCAM, LayerCAM, SmoothGradCAMpp

from balancing.data.masks import Masks, masks_of
from balancing.errors import UserError, suggestion
from sweep.analysis.figures.cams import cam_grid
from sweep.analysis.figures.style import Plot, shortened
from sweep.analysis.names import display_name, in_order
from sweep.analysis.results import Results
from sweep.training.network import ResNet18, restore

if TYPE_CHECKING:
    from balancing.data.images import ImageSet
    from sweep.runs.spec import TrialSpec


class CamMethod(NamedTuple):
    """A way to make a class activation map.

    Args:
        extractor: torchcam's class.
        name: its shown name.
        reference: where it comes from.
        batched: whether several images may go at once and give the maps that each gives alone.
    """

    extractor: Any
    name: str
    reference: str
    batched: bool


DEFAULT_METHOD = "smoothgradcampp"
CAM_METHODS = {
    # Its noise comes from one generator and its weights from the last noisy pass, so one image at a time.
    "smoothgradcampp": CamMethod(
        SmoothGradCAMpp,
        "SmoothGradCAM++",
        "Omeiza et al., Smooth Grad-CAM++, arXiv:1908.01224, 2019, as in torchcam",
        batched=False,
    ),
    "gradcam": CamMethod(GradCAM, "Grad-CAM", "Selvaraju et al., Grad-CAM, ICCV 2017, as in torchcam", batched=True),
    "layercam": CamMethod(
        LayerCAM,
        "LayerCAM",
        "Jiang et al., LayerCAM, IEEE Transactions on Image Processing 30, 2021, as in torchcam",
        batched=True,
    ),
}
# Pixels a side of one field of the last block.
FIELD = ResNet18.field
METHOD = CAM_METHODS[DEFAULT_METHOD].name
REFERENCE = CAM_METHODS[DEFAULT_METHOD].reference
MOST_CASES = 9
_BATCH = 16


def cam_method(method: str) -> CamMethod:
    """The method of a key of ``CAM_METHODS``.

    Raises:
        UserError: there is none of that name.
    """
    if method not in CAM_METHODS:
        raise UserError(f"unknown activation map method '{method}'{suggestion(method, CAM_METHODS)}")
    return CAM_METHODS[method]


def class_activation_map(
    model: nn.Module, image: torch.Tensor, target_class: int, seed: int = 0, method: str = DEFAULT_METHOD
) -> np.ndarray:
    """The map of one image on the last block, by torchcam.

    Args:
        model: names its ``last_block``, any device; used in evaluation mode and float32, left as it was.
        image: (3, H, W) or (1, 3, H, W), normalised as in training (``sweep.training.inputs.to_input``).
        target_class: whose evidence is shown, 0..C-1.
        seed: of the noise that SmoothGradCAM++ adds; equal seeds give equal maps.
        method: a key of ``CAM_METHODS``.
    Returns:
        (H, W) float32 in [0, 1]; all 0 where nothing speaks for the class, or where the block has but one field. It is
        enlarged from ceil(H / 32) x ceil(W / 32) fields: no finer place can be told.
    Raises:
        ValueError: more than one image.
        UserError: an unknown method.
    Reference: see ``CAM_METHODS``.
    """
    batch = image.unsqueeze(0) if image.ndim == 3 else image
    if len(batch) != 1:
        raise ValueError(f"a map is made of one image at a time, but {len(batch)} were given")
    return class_activation_maps(model, batch, [int(target_class)], [seed], method)[0]


def class_activation_maps(
    model: nn.Module, images: torch.Tensor, targets: list[int], seeds: list[int], method: str = DEFAULT_METHOD
) -> np.ndarray:
    """The maps of several images.

    torchcam draws SmoothGradCAM++'s noise from the global generator and weighs the activations of the last noisy
    pass; so the generator is seeded here for each image (and put back), its images go one at a time, and everything
    is float32. On two cores a map at 224 px takes 0.1 to 0.2 s by SmoothGradCAM++, a sixth of that by the others.

    Args:
        model: names its ``last_block``, any device; used in evaluation mode and float32, left as it was.
        images: (N, 3, H, W), normalised as in training.
        targets: (N,) the class whose evidence is shown, 0..C-1.
        seeds: (N,) of each image's noise.
        method: a key of ``CAM_METHODS``.
    Returns:
        (N, H, W) float32 in [0, 1], each scaled so that its smallest value is 0 and its largest 1; all 0 where it has
        one value alone.
    Raises:
        UserError: an unknown method.
    """
    chosen = cam_method(method)
    device = next(model.parameters()).device
    step = _BATCH if chosen.batched else 1
    found = []
    was_training = model.training
    model.eval()
    try:
        with (
            torch.random.fork_rng(devices=[device] if device.type == "cuda" else []),
            torch.enable_grad(),
            torch.autocast(device.type, enabled=False),
            chosen.extractor(model, target_layer=model.last_block, input_shape=tuple(images.shape[1:])) as extractor,
        ):
            for start in range(0, len(images), step):
                part = slice(start, start + step)
                # With a gradient of its own, so that a network without weights before the block has one there, too.
                batch = images[part].to(device=device, dtype=torch.float32).detach().requires_grad_()
                torch.manual_seed(seeds[start])
                scores = model(batch)
                found.append(_enlarged(extractor(targets[part], scores)[0], batch.shape[-2:]))
    finally:
        model.train(was_training)
    return np.concatenate(found) if found else np.zeros((0, *images.shape[-2:]), dtype=np.float32)


def _enlarged(coarse: torch.Tensor, size: tuple[int, ...]) -> np.ndarray:
    """(N, h, w) fields -> (N, H, W) float32 in [0, 1]."""
    fine = nn.functional.interpolate(coarse[:, None].float(), size=size, mode="bilinear", align_corners=False)
    return np.nan_to_num(fine[:, 0].detach().cpu().numpy()).clip(0.0, 1.0).astype(np.float32)


def best_trials(run: Results) -> pd.DataFrame:
    """The chosen trial of each technique with the highest selection metric on validation; equal: the earlier seed."""
    chosen = run.chosen_trials()
    chosen = chosen[chosen[run.metric].notna()] if len(chosen) else chosen  # a damaged record has no number
    if chosen.empty:
        return chosen
    best = chosen.groupby("technique")[run.metric].idxmax()
    return chosen.loc[[best[technique] for technique in in_order(chosen["technique"])]].reset_index(drop=True)


@dataclass(frozen=True)
class Network:
    """A technique's best trial whose network was kept and that was tested.

    Args:
        technique, trial_id: which one.
        model: in evaluation mode, float32, on the device that was asked for.
        spec: of its trial.
        rows: (N,) int64, the tested rows of the image set.
        labels: (N,) int64, their true classes.
        probabilities: (N, C) float64, as recorded.
    """

    technique: str
    trial_id: str
    model: nn.Module
    spec: TrialSpec
    rows: np.ndarray
    labels: np.ndarray
    probabilities: np.ndarray

    def of_rows(self, rows: np.ndarray) -> np.ndarray:
        """(n, C) recorded probabilities of some tested rows."""
        order = np.argsort(self.rows, kind="stable")
        return self.probabilities[order[np.searchsorted(self.rows, rows, sorter=order)]]

    def inputs(self, pixels: np.ndarray) -> torch.Tensor:
        """(N, H, W) or (N, H, W, 3) pixels in 0..255 -> (N, 3, H, W) float32, normalised as in training."""
        from sweep.training.inputs import to_input

        return to_input(torch.from_numpy(np.array(pixels)), self.spec.mean, self.spec.std)

    def predict(self, pixels: np.ndarray) -> np.ndarray:
        """(N, H, W) or (N, H, W, 3) pixels in 0..255 -> (N, C) float32 probabilities, computed in float32."""
        from dataclasses import replace

        from sweep.training.predict import predict

        device = next(self.model.parameters()).device
        spec = replace(self.spec, precision="float32")
        return predict(self.model, torch.from_numpy(np.array(pixels)), np.arange(len(pixels)), spec, device)

    def maps(self, pixels: np.ndarray, targets: np.ndarray, seeds: np.ndarray, method: str) -> np.ndarray:
        """(N, H, W) float32 maps of pixels in 0..255, see ``class_activation_maps``."""
        return class_activation_maps(
            self.model, self.inputs(pixels), [int(t) for t in targets], [int(s) for s in seeds], method
        )


def kept_trials(run: Results) -> dict[str, tuple[str, tuple[np.ndarray, np.ndarray, np.ndarray]]]:
    """Technique -> (trial id, test predictions) of the best trials that were tested and kept their network."""
    best = best_trials(run)
    found = {}
    for technique, trial_id in zip(best["technique"], best["trial_id"], strict=True):
        tested = run.predictions_of(trial_id, "test") if run.trial(trial_id).best.is_file() else None
        if tested is not None:
            found[str(technique)] = (str(trial_id), (tested.rows, tested.labels, tested.probabilities))
    return found


def networks(run: Results, device: str | torch.device = "cpu") -> Iterator[Network]:
    """The networks of ``kept_trials``, one at a time."""
    from sweep.runs.spec import TrialSpec

    for technique, (trial_id, (rows, labels, probabilities)) in kept_trials(run).items():
        model, facts = restore(run.trial(trial_id).best)
        spec = TrialSpec.from_dict(facts["spec"])
        yield Network(technique, trial_id, model.to(device), spec, rows, labels, probabilities)


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
        picked = [(easy, "wrong" if wrong[easy] else "sure")]
        if kinds > 2 and len(rest):
            picked.append((rest[np.lexsort((rows[rest], margin[rest]))[0]], "unsure"))
        if kinds > 1 and hard != easy and wrong[hard]:
            picked.append((hard, "wrong"))
        for row, kind in picked:
            cases.append(Case(int(rows[row]), label, _in_words(kind, int(wrong[row]), len(tested))))
    return cases


def _in_words(kind: str, wrong: int, techniques: int) -> str:
    if techniques == 1:
        found = "wrong" if wrong else "right"
    elif wrong == 0:
        found = "all right"
    else:
        found = "all wrong" if wrong == techniques else f"{wrong} of {techniques} wrong"
    return found if kind == found else f"{kind}, {found}".removeprefix("wrong, ")


def outcome(probabilities: np.ndarray, label: int | None, class_names: list[str]) -> str:
    """``PNEUMONIA .93, correct``: the decided class, its probability, and whether it is true (where that is known)."""
    decided = int(probabilities.argmax())
    chance = f"{probabilities[decided]:.2f}".removeprefix("0")
    ending = "" if label is None else ", correct" if decided == label else ", wrong"
    return f"{shortened(class_names[decided], 14)} {chance}{ending}"


def check_images(run: Results, images: ImageSet) -> None:
    """Raises UserError where the images are not those of the run."""
    expected = run.info["data"]["fingerprint"]
    if images.fingerprint != expected:
        raise UserError(
            f"the images of {images.source} have fingerprint {images.fingerprint}, but the run used {expected}; give "
            f"the run's own data ({run.info['data']['source']}) at its image size"
        )


def network_input(pixels: np.ndarray, mean: float, std: float) -> torch.Tensor:
    """(H, W) or (H, W, 3) uint8 -> (1, 3, H, W) float32, normalised as in training."""
    from sweep.training.inputs import to_input

    return to_input(torch.from_numpy(np.array(pixels))[None], mean, std)


NO_NETWORKS = "No class activation maps: the run keeps no network of a trial that was tested."


def cam_plot(
    run: Results,
    images: ImageSet,
    seed: int = 0,
    *,
    method: str = DEFAULT_METHOD,
    masks: Masks | None = None,
    device: str | torch.device = "cpu",
) -> Plot | str:
    """The grid: a row a test image; the image, then the map of each technique's best trial over it.

    Args:
        images: the run's own.
        seed: of the maps' noise.
        method: a key of ``CAM_METHODS``.
        masks: to outline; by default those that come with the images (the phantom's lesions).
        device: where the maps are made.
    Returns:
        The figure, or a sentence on why there is none.
    Raises:
        UserError: other images than the run's, or an unknown method.
    """
    check_images(run, images)
    cam_method(method)
    tested = {technique: value for technique, (_, value) in kept_trials(run).items()}
    if not tested:
        return NO_NETWORKS
    masks = masks if masks is not None else masks_of(images)
    cases = choose_cases(tested)
    rows = np.array([case.row for case in cases])
    pixels = images.pixels[rows]
    maps: dict[str, list[np.ndarray]] = {}
    outcomes: dict[str, list[str]] = {}
    for network in networks(run, device):
        own = network.of_rows(rows)
        name = display_name(network.technique)
        maps[name] = list(network.maps(pixels, own.argmax(axis=1), np.full(len(rows), seed), method))
        outcomes[name] = [
            outcome(p, case.label, run.class_names).replace(", ", "\n") for p, case in zip(own, cases, strict=True)
        ]
    outlined: list[np.ndarray | None] = [None] * len(cases) if masks is None else list(masks.of(rows))
    figure = cam_grid(
        images=list(pixels),
        titles=[f"True: {shortened(run.class_names[case.label], 14)}\n{case.why}" for case in cases],
        maps=maps,
        outcomes=outcomes,
        masks=outlined,
    )
    missing = len(best_trials(run)) - len(maps)
    caption = _caption(images, cases, missing, method, masks)
    alt = f"Grid of {len(cases)} test images, each with the class activation maps of {', '.join(maps)}."
    return Plot("cams", "Where the networks look", figure, caption, alt, wide=True, raster=True)


def fields(height: int, width: int) -> tuple[int, int]:
    """How many fields the last block sees down and across: all the places that a map can tell apart."""
    return -(-height // FIELD), -(-width // FIELD)


def _caption(images: ImageSet, cases: list[Case], missing: int, method: str, masks: Masks | None) -> str:
    kinds = [kind for kind in ("sure", "unsure", "wrong") if any(kind in case.why.split(", ")[0] for case in cases)]
    shown = len({case.label for case in cases})
    each = "each class" if shown == images.n_classes else f"{shown} of the {images.n_classes} classes"
    text = (
        f"{cam_method(method).name} on the last block ({ResNet18.last_block}) of each technique's best trial (highest "
        "validation metric among the chosen ones), for the class that trial decided on. The same test images for all: "
        f"of {each} the one that most techniques get right and surest"
    )
    text += ", the least sure one" if "unsure" in kinds else ""
    text += ", and one that most get wrong where there is one." if len(kinds) > 1 else "."
    text += (
        " Above each map: the decision, its probability, the outcome. Each map is scaled to its own smallest and "
        "largest value, so brightness compares places within a map, not maps."
    )
    down, across = fields(*images.pixels.shape[1:3])
    if min(down, across) == 1:
        text += (
            f" At {images.pixels.shape[1]} pixels a side the last block has one field alone, so no place can be told."
        )
    else:
        text += f" The last block sees these images as {down} x {across} fields; no finer place can be told."
    if masks is not None:
        text += f" The outline is {masks.what}."
    if missing:
        text += f" {missing} technique(s) are missing: their networks were not kept."
    return text
