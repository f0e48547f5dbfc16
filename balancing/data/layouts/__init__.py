"""Known public data sets: one small YAML file each says what tells it, and where labels, patients and splits are.

``recognise`` finds the one that files look like, ``load_layout`` reads one by name or a user's own of the same form,
``names`` lists them. Opening data, ``lay_over`` recognises, fits to the files and fills the options; at the end,
``with_layout`` tells a listing what the layout knows.
"""

from __future__ import annotations

from balancing.data.layouts.reading import Layout, lay_over, load_layout, names, recognise, with_layout

__all__ = ["Layout", "lay_over", "load_layout", "names", "recognise", "with_layout"]
