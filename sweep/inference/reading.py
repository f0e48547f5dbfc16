"""New images read as a run's own were: the same page, scale of greys and way to a square."""

from __future__ import annotations

from dataclasses import dataclass

from balancing.data.pixels.decoding import Decoded, Manner
from balancing.data.pixels.greybits import UNIT, holds
from sweep.runs.run import Run


@dataclass(frozen=True)
class Reading:
    """How a run's images were decoded.

    Args:
        manner: size, bits, range of floating-point pixels, way to a square, page.
        deep, floating: whether any of them had 16-bit greys, or floating-point pixels.
    """

    manner: Manner
    deep: bool
    floating: bool

    @classmethod
    def of(cls, run: Run) -> Reading:
        """As a run's run.json tells it."""
        data = run.info["data"]
        bits = data.get("grey_bits", 16)  # runs of before divided all 16-bit greys by 257
        floats = data.get("float_range")
        manner = Manner(
            int(data["shape"][1]), bits or 16, tuple(floats or UNIT), data.get("resize") or "squash", data.get("page")
        )
        return cls(manner, bits is not None, bool(floats))

    def fitting(self, image: Decoded | str) -> Decoded | str:
        """The image; or why it can't be read, or its greys can't be brought to the scale of the run's images."""
        if isinstance(image, str):
            return image
        return self._floats_fault(image) or self._greys_fault(image) or image

    def _floats_fault(self, image: Decoded) -> str:
        if image.floats is None:
            return ""
        black, white = self.manner.floats
        if not self.floating:
            return (
                "it has floating-point pixels, but the run's images had none, so nothing tells how bright they should "
                "be; convert it to 8 bits as those were"
            )
        if not holds(self.manner.floats, *image.floats):
            return (
                f"its pixels reach from {image.floats[0]:g} to {image.floats[1]:g}, but those of the run's images lie "
                f"in {black:g}..{white:g}; convert it to their scale"
            )
        return ""

    def _greys_fault(self, image: Decoded) -> str:
        if image.brightest is None:
            return ""
        if not self.deep:
            return (
                "it has 16-bit greys, but the run's images had 8 bits, so nothing tells how bright they should be; "
                "convert it to 8 bits as those were"
            )
        bits = self.manner.bits
        if image.brightest >= 1 << bits:
            return (
                f"its brightest grey is {image.brightest:,}, but the 16-bit greys of the run's images use {bits} "
                f"bits, 0..{(1 << bits) - 1:,}; convert it to their scale"
            )
        return ""
