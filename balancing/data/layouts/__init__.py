"""Known public data sets: one small YAML file each says what tells it, and where labels, patients and splits are.

``recognise`` finds the one that files look like, ``load_layout`` reads one by name or a user's own of the same form,
``names`` lists them; ``lay_over`` does what opening data needs: recognise, fit to the files, fill the options.
"""

from __future__ import annotations

from balancing.data.layouts.reading import Layout, lay_over, load_layout, names, recognise

__all__ = ["Layout", "lay_over", "load_layout", "names", "recognise"]
