"""The techniques that are more, or less, than one component of their own name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Augmented = Literal["as asked", "never", "always"]


@dataclass(frozen=True)
class Named:
    """A named composition.

    Args:
        label: as people read it.
        summary: one line.
        reference: where it comes from.
        parts: names of components, one an axis at most; with ``@features`` where one works on features.
        augmented: what becomes of the augmentation strength that the sweep asks for: ``never`` sets it to 0, ``always``
            replaces 0 by 1.
        colour: ``#rrggbb`` in figures; "" leaves the choice to them.
    """

    label: str
    summary: str
    reference: str
    parts: tuple[str, ...] = ()
    augmented: Augmented = "as asked"
    colour: str = ""


NAMED = {
    "baseline": Named(
        "Baseline",
        "Every training image once, never augmented.",
        "none: the data as they are",
        augmented="never",
        colour="#1b1c1d",
    ),
    "augmentation": Named(
        "Augmentation",
        "Every training image once, rotated and flipped anew in each epoch.",
        "Shorten & Khoshgoftaar, Journal of Big Data 6:60, 2019",
        ("rotate_flip",),
        "always",
        "#009e73",
    ),
    "ldam_drw": Named(
        "LDAM-DRW",
        "Margins that are larger for rare classes, and in the last part of the steps weights too.",
        "Cao et al., NeurIPS 2019",
        ("ldam", "drw"),
    ),
    "mixup_drw": Named(
        "Mixup-DRW",
        "Rows and targets mixed with others', and in the last part of the steps weights for rare classes.",
        "Cheng, Mai & Lin, arXiv:2308.15457, 2023",
        ("mixup", "drw"),
    ),
    "mislas": Named(
        "MiSLAS",
        "Mixed rows first; then the head alone on balanced ones, with labels of frequent classes smoothed more.",
        "Zhong et al., CVPR 2021",
        ("mixup", "label_aware_smoothing", "shifted_bn"),
    ),
    "deep_auc": Named(
        "Deep AUC",
        "The area under the ROC curve by a squared margin loss, with the steps made for it.",
        "Yuan et al., ICCV 2021",
        ("aucm", "pesg"),
    ),
    "remix_drw": Named(
        "ReMix-DRW",
        "Rows mixed in favour of the rarer class, and in the last part of the steps weights too.",
        "Chou et al., ECCV Workshops 2020",
        ("remix", "drw"),
    ),
    "decoupled_smote": Named(
        "Decoupled SMOTE",
        "The whole network on the rows as they are, then a new head on SMOTE's mixtures of its own features.",
        "Kang et al., ICLR 2020 (a head of its own); Chawla et al., JAIR 16, 2002 (SMOTE)",
        ("smote@features", "crt"),
    ),
}

# The study's techniques: what a sweep compares where nothing else is asked for, and first in tables and figures.
STUDY = ("baseline", "undersampling", "oversampling", "augmentation", "smote", "borderline_smote")
