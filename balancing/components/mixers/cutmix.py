"""CutMix: a box of each image replaced by its partner's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from balancing.components.axes import Mix, TrainingContext
from balancing.components.decorators import mixer
from balancing.components.mixers.drawing import beta, mixed
from balancing.components.ranges import FloatRange
from balancing.errors import UserError

if TYPE_CHECKING:
    import torch


@mixer(
    label="CutMix",
    reference="Yun et al., ICCV 2019",
    prior_effect="kept",
    alpha=FloatRange(0.2, 1.0, default=1.0, log=True, minimum=0.01, maximum=10.0),
    probability=FloatRange(0.25, 1.0, default=0.5, minimum=0.0),
)
def cutmix(context: TrainingContext, *, alpha: float, probability: float) -> Mix:
    """A box of an image replaced by the same box of another image of the batch, its target by the box's area.

    The box has the area 1 - lambda, lambda ~ Beta(alpha, alpha), its centre anywhere, and is cut off at the border; the
    target's shares are those of the pixels that are left. Box and lambda are drawn for each row (the paper's code draws
    one a batch). Partners are a permutation of the batch, so class frequencies stay.

    Risky in medical images: a box may cut away the finding that the target is named after, or paste none, while the
    target says how much of the area came from where.

    Args:
        alpha: at 1 every area is equally likely.
        probability: of a row to be cut at all.
    """

    def mix(
        x: torch.Tensor,
        partner: torch.Tensor,
        targets: torch.Tensor,
        partner_targets: torch.Tensor,
        generator: torch.Generator,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        import torch

        if x.dim() != 4:
            raise UserError(
                f"cutmix cuts boxes out of images (B, C, H, W), but was given rows of shape {tuple(x.shape)}; "
                "take mixup for features"
            )
        height, width = x.shape[2:]
        area = 1 - beta(generator, alpha, alpha, len(x))
        draws = torch.rand(3, len(x), generator=generator, dtype=torch.float64)
        box = boxes(area, (draws[0] * width).long(), (draws[1] * height).long(), (height, width))
        box *= draws[2] < probability  # a box from 0 to 0 is none
        inside = box_mask(box.to(x.device), (height, width))
        own = 1 - ((box[1] - box[0]) * (box[3] - box[2])).double() / (height * width)
        return torch.where(inside, partner, x), mixed(targets, partner_targets, own)

    return mix


def boxes(area: torch.Tensor, x: torch.Tensor, y: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Boxes of a share of the image's area and of its proportions, cut off at the border.

    Args:
        area: (B,) float64 in [0, 1].
        x, y: (B,) int64, pixels of the centre.
        size: (H, W).
    Returns:
        (4, B) int64: left, right, top, bottom; the right and bottom pixels are outside.
    """
    import torch

    height, width = size
    half = area.sqrt() / 2
    wide, high = (half * width).long(), (half * height).long()
    across = [(x - wide).clamp(min=0), (x + wide).clamp(max=width)]
    return torch.stack([*across, (y - high).clamp(min=0), (y + high).clamp(max=height)])


def box_mask(box: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """(B, 1, H, W) bool: which pixels lie in the (4, B) boxes."""
    import torch

    left, right, top, bottom = (edge.view(-1, 1, 1, 1) for edge in box)
    x = torch.arange(size[1], device=box.device)
    y = torch.arange(size[0], device=box.device).view(-1, 1)
    return (x >= left) & (x < right) & (y >= top) & (y < bottom)
