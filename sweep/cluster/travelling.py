"""Components that only this process knows, on their way to Ray's workers.

They travel inside what Ray hands to workers anyway, as functions do; nothing is unpickled from disk.
"""

from __future__ import annotations

import sys
import sysconfig
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from types import ModuleType

from ray import cloudpickle

from balancing.components.registry import COMPONENTS, Component
from balancing.errors import UserError
from sweep.runs.foreign import foreign_components


@contextmanager
def travelling(techniques: Iterable[str]) -> Iterator[tuple[Component, ...]]:
    """The components of some techniques that workers can't find by themselves, ready to be pickled within the block.

    What installed distributions give by entry points, workers find. A function of a script or notebook is pickled as
    its code; one of a module that is not installed likewise, with what it uses of its package, since the module may
    not be on the worker's path. Each takes the digest of its source along, which a worker could not read.

    Raises:
        UserError: one can't be pickled.
    """
    found = tuple(part for part in foreign_components(techniques) if not part.origin.distribution)
    with ExitStack() as stack:
        for module in {id(module): module for part in found for module in _modules(part)}.values():
            cloudpickle.register_pickle_by_value(module)
            stack.callback(cloudpickle.unregister_pickle_by_value, module)
        sent = tuple(replace(part, digest=part.identity.partition("@")[2]) for part in found)
        for part in sent:
            try:
                cloudpickle.dumps(part)
            except Exception as error:  # what is pickled decides what it raises
                raise UserError(
                    f"the {part.axis} '{part.name}' in {part.origin} can't be sent to Ray's workers "
                    f"({type(error).__name__}: {error}); define it without what can't be pickled, or install it there"
                ) from error
        yield sent


def _modules(component: Component) -> list[ModuleType]:
    """The modules whose functions must travel as code: the component's and the package above it, unless installed."""
    name = component.origin.module
    places = {Path(sysconfig.get_path(kind)) for kind in ("purelib", "platlib", "stdlib")}
    if name == "__main__" or any(Path(component.origin.file).is_relative_to(place) for place in places):
        return []
    return [sys.modules[known] for known in {name, name.partition(".")[0]} if known in sys.modules]


def arrived(components: Iterable[Component]) -> None:
    """On a worker: makes what travelled known."""
    for component in components:
        COMPONENTS.add(component)
