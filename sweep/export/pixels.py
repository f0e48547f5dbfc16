"""The first part of an ONNX graph: from pictures of any size to the batch that the networks take.

Written as ONNX's own text. The resize is that of the run's decoder: Pillow's antialiased bilinear filter, of which
ONNX Runtime's ``Resize`` on bytes is a copy (``antialias``, and ``exclude_outside`` for what lies beyond the edge).
"""

from __future__ import annotations

import numpy as np

from balancing.data.pixels.decoding import Manner
from sweep.training.inputs import Channels

INPUT = "images"
# ``Resize`` has ``antialias`` from here on.
FIRST_OPSET = 18

_RESIZE = 'Resize<mode = "linear", coordinate_transformation_mode = "half_pixel", antialias = 1, exclude_outside = 1>'


def pixels_text(manner: Manner, mean: Channels, std: Channels, opset: int, ir_version: int) -> str:
    """A model that takes ``images``, (batch, height, width, channels) uint8, and gives ``network_input``.

    Channels are 1 (grey) or 3; ``network_input`` is (batch, 3, S, S) float32, normalised. Height and width are any, but
    the same of all pictures in a batch.

    Args:
        manner: its size S and its way to a square; what else it says a user does before (pages, greys of 16 bits).
        mean, std: of pixels in [0, 1].
    """
    way = {"squash": _squash, "pad": _pad, "crop": _crop}[manner.resize](manner.size)
    return f"""
<ir_version: {ir_version}, opset_import: ["" : {opset}]>
pixels (uint8[batch, height, width, channels] {INPUT}) => (float[batch, 3, {manner.size}, {manner.size}] network_input)
{{
    picture = Transpose<perm = [0, 3, 1, 2]>({INPUT})
    batch_and_channels = Shape<start = 0, end = 2>(picture)
    {way}
    floats = Cast<to = 1>(square)
    coloured_shape = Constant<value_ints = [1, 3, 1, 1]>()
    coloured = Expand(floats, coloured_shape)
    black = {_channels(mean)}
    spread = {_channels(std)}
    lighter = Sub(coloured, black)
    network_input = Div(lighter, spread)
}}
"""


def _squash(size: int) -> str:
    return f"""
    side = Constant<value_ints = [{size}, {size}]>()
    sizes = Concat<axis = 0>(batch_and_channels, side)
    square = {_RESIZE}(picture, , , sizes)
"""


def _crop(size: int) -> str:
    """The square in the middle, as ``balancing.data.pixels.geometry.kept_part`` cuts it."""
    return f"""
    sides = Shape<start = 2, end = 4>(picture)
    shorter = ReduceMin<keepdims = 1>(sides)
    two = Constant<value_ints = [2]>()
    outside = Sub(sides, shorter)
    begin = Div(outside, two)
    stop = Add(begin, shorter)
    axes = Constant<value_ints = [2, 3]>()
    middle = Slice(picture, begin, stop, axes)
    side = Constant<value_ints = [{size}, {size}]>()
    sizes = Concat<axis = 0>(batch_and_channels, side)
    square = {_RESIZE}(middle, , , sizes)
"""


def _pad(size: int) -> str:
    """As large as fits, in the middle of black, as ``geometry.to_square``; in double, as Python rounds."""
    return f"""
    sides = Shape<start = 2, end = 4>(picture)
    longer = ReduceMax<keepdims = 1>(sides)
    exact_sides = Cast<to = 11>(sides)
    exact_longer = Cast<to = 11>(longer)
    exact_size = Constant<value = double[1] {{{float(size)!r}}}>()
    least = Constant<value = double[1] {{1.0}}>()
    half = Constant<value = double[1] {{2.0}}>()
    share = Div(exact_sides, exact_longer)
    wanted = Mul(share, exact_size)
    rounded = Round(wanted)
    inner_exact = Max(rounded, least)
    inner = Cast<to = 7>(inner_exact)
    sizes = Concat<axis = 0>(batch_and_channels, inner)
    resized = {_RESIZE}(picture, , , sizes)
    left_over = Sub(exact_size, inner_exact)
    halved = Div(left_over, half)
    before_exact = Round(halved)
    after_exact = Sub(left_over, before_exact)
    before = Cast<to = 7>(before_exact)
    after = Cast<to = 7>(after_exact)
    none = Constant<value_ints = [0, 0]>()
    pads = Concat<axis = 0>(none, before, none, after)
    square = Pad(resized, pads)
"""


def _channels(values: Channels) -> str:
    """255 times a number, or three, as a constant that stands for each channel."""
    given = [values] if isinstance(values, float | int) else list(values)
    numbers = ", ".join(repr(float(np.float32(255.0 * value))) for value in given)
    return f"Constant<value = float[1, {len(given)}, 1, 1] {{{numbers}}}>()"
