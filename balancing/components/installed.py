"""Modules of installed distributions that define components: which there are, and their imports."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points

GROUP = "balancing_act.components"


class EntryPoints:
    """The entry points of the group ``balancing_act.components``, each loaded once.

    Attributes:
        broken: a sentence for each that could not be loaded.
        loading: name and version of the distribution whose entry point is being loaded; "" where none is.
        given: how many components were registered while one was loaded.
    """

    def __init__(self) -> None:
        self.broken: dict[str, str] = {}
        self.loading = ""
        self.given = 0
        self._all: list[EntryPoint] | None = None
        self._begun: list[EntryPoint] = []  # loaded, broken, or under way

    def _points(self) -> list[EntryPoint]:
        if self._all is None:
            self._all = list(entry_points(group=GROUP))
        return self._all

    def distribution_of(self, module: str) -> str:
        """Name and version of the distribution that names a module, or a package above it; else what is loading."""
        found = [point for point in self._points() if is_in(module, module_of(point))]
        return _distribution(max(found, key=lambda point: len(module_of(point)))) if found else self.loading

    def load(self, name: str | None, gave: Callable[[EntryPoint, str], bool]) -> None:
        """Imports those of a name, or all that are left. One that is interrupted is imported again when asked next.

        Args:
            name: of entry points; None takes any.
            gave: is asked after each import, with the distribution, whether the entry point has a component that was
                registered before.
        """
        for point in [known for known in self._points() if name in (None, known.name)]:
            if any(point is known for known in self._begun):
                continue
            self._begun.append(point)
            distribution = _distribution(point)
            before, given, self.loading = self.loading, self.given, distribution
            try:
                point.load()
                if not gave(point, distribution) and self.given == given:
                    raise ValueError("it registers no component")
            except Exception as error:  # whatever an import can raise
                self.broken[f"{distribution}:{point.name}"] = (
                    f"the components of distribution {distribution} can't be loaded (entry point {point.name} = "
                    f"{point.value}: {type(error).__name__}: {error}); mend or uninstall it"
                )
            except BaseException:
                self._begun = [known for known in self._begun if known is not point]
                raise
            finally:
                self.loading = before


def _distribution(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else point.value


def module_of(point: EntryPoint) -> str:
    """The module that an entry point names, also where it names something in it."""
    return point.value.partition(":")[0].strip()


def is_in(module: str, above: str) -> bool:
    """Whether a module is another one, or beneath it."""
    return f"{module}.".startswith(f"{above}.")
