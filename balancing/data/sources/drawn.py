"""The built-in phantom as a source."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import numpy as np

import balancing.data.phantom
import balancing.data.phantom_drawing
from balancing.data.content import Content
from balancing.data.phantom import CLASS_NAMES, Phantom
from balancing.data.sources.base import Listing, Source, digest


class PhantomSource(Source):
    """Drawings in exactly the wanted size, with the masks of their lesions."""

    what = "the phantom"
    passes_over = (
        "labels",
        "images",
        "label_pattern",
        "folders",
        "layout",
        "config",
        "page",
        "split_map",
        "split_list",
        "test_fold",
        "patient_table",
    )

    name = "phantom"
    kind = "phantom"

    def __init__(self, n_images: int, size: int, seed: int) -> None:
        self.phantom = Phantom(n_images, size, seed)

    def identity(self) -> str:
        # With the program that draws: a change of it must not find older drawings.
        program = inspect.getsource(balancing.data.phantom) + inspect.getsource(balancing.data.phantom_drawing)
        return digest(["phantom", program, self.phantom.n_images, self.phantom.size, self.phantom.seed])

    def listing(self) -> Listing:
        phantom = self.phantom
        note = "The phantom's images are drawings, not patients: they try out the tool and teach no medicine."
        patients: list[str | None] = [*phantom.patients]
        return Listing(phantom.names, phantom.splits, phantom.labels.tolist(), CLASS_NAMES, patients, (note,))

    def contents(self) -> Iterator[Content]:
        return self.phantom.images()

    def masks(self) -> Iterator[np.ndarray]:
        return self.phantom.masks()
