"""Two stages in one run: all techniques cheaply first, and the best few of them as the run's own sections say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from pydantic import Field, PrivateAttr

from balancing.errors import suggestion
from sweep.config.sections import Section
from sweep.runs.network_name import USUAL, NetworkName

if TYPE_CHECKING:
    from sweep.config.config import Config

# What the first stage may differ in; data (but their size), resources and the report are the run's.
SECTIONS = ("space", "train", "sweep")
PRESET = "frozen"
# In both stages, whatever was asked for: what the others are compared with.
BASELINE = "baseline"
# Of the run's own sections, what the first stage takes over where its own say nothing.
_SHARED = {
    "space": ("techniques", "seed", "skip_infeasible", "allow_double_correction"),
    "sweep": ("metric", "retries"),
}


class FunnelConfig(Section):
    """A first stage, and how many techniques go on to the second, which is what the other sections say."""

    keep: int = Field(default=4, ge=1, le=100, description="how many techniques go on, beside the baseline")
    first: dict[str, Any] = Field(
        default_factory=dict,
        description=f"'preset' ({PRESET} unless named), and space, train, sweep and data.image_size laid over it",
    )

    _of_groups: tuple[str, ...] | None = PrivateAttr(None)

    @property
    def of_groups(self) -> tuple[str, ...] | None:
        """As ``SpaceConfig.of_groups``, of the first stage; None where that is still to be found out."""
        return self._of_groups

    def __eq__(self, other: object) -> bool:
        """By what is set."""
        return isinstance(other, FunnelConfig) and self.__dict__ == other.__dict__

    def __hash__(self) -> int:
        return hash(self.keep)


def with_first_stage(given: Any, read: Callable[[str], Mapping[str, Any]]) -> Any:
    """A configuration's sections, with the first stage's own put together from its preset and what it shares.

    Args:
        given: section -> keys, as a file has them; anything else is returned as it is.
        read: gives a preset or a file by name.
    Raises:
        ValueError: the first stage holds what it can't.
    """
    if not isinstance(given, Mapping) or not isinstance(given.get("funnel"), Mapping):
        return given
    first = given["funnel"].get("first") or {}
    _check_sections(first)
    base: Mapping[str, Any] = {}
    if first.get("preset", PRESET) is not None:  # None: all is written out, as in a run's config.yaml
        base = read(str(first.get("preset", PRESET)))
        if base.get("funnel"):
            raise ValueError(
                f"funnel.first.preset={first['preset']} has two stages itself; name one without, such as {PRESET}"
            )
    found: dict[str, Any] = {"preset": None}
    for section in SECTIONS:
        own, of_run = first.get(section) or {}, given.get(section) or {}
        shared = {key: of_run[key] for key in _SHARED.get(section, ()) if key in of_run} if base else {}
        if base and section == "space" and "seeds" in own:
            own = {"confirm": 0, **own}  # as of ``build_config``
        found[section] = {**(base.get(section) or {}), **shared, **own}
        if section == "space":
            parts = ((base.get(section) or {}), (of_run if base else {}), own)
            found[section]["parameters"] = {k: v for part in parts for k, v in (part.get("parameters") or {}).items()}
    if "image_size" in (first.get("data") or {}):
        found["data"] = {"image_size": first["data"]["image_size"]}
    if base and "weights" not in (first.get("train") or {}) and _takes_weights(given.get("train") or {}, found):
        found["train"].pop("weights", None)
    space = dict(given.get("space") or {})
    if "techniques" in found["space"]:
        space.setdefault("techniques", found["space"]["techniques"])
    return {**given, "space": space, "funnel": {**given["funnel"], "first": found}}


def _check_sections(first: Any) -> None:
    if not isinstance(first, Mapping):
        raise ValueError(f"funnel.first must hold sections such as 'space:', but is {first!r}; give it as a mapping")
    for name, part in first.items():
        if name == "data":
            if not isinstance(part, Mapping) or set(part) - {"image_size"}:
                raise ValueError(
                    "funnel.first.data may hold image_size alone, for both stages read and split the same images; "
                    "give the rest in data"
                )
        elif name != "preset" and name not in SECTIONS:
            raise ValueError(f"unknown section 'funnel.first.{name}'{suggestion(name, ('preset', 'data', *SECTIONS))}")
        elif name in SECTIONS and not isinstance(part, Mapping | None):
            raise ValueError(f"funnel.first.{name} must hold keys, but holds {part!r}; give it as a mapping")


def _takes_weights(train: Mapping[str, Any], first: Mapping[str, Any]) -> bool:
    """Whether the first stage begins with the run's own weights: where both have one architecture."""
    try:
        networks = [NetworkName.parse(str(part.get("network", USUAL))) for part in (train, first["train"])]
    except ValueError:  # which is told where the networks are checked
        return False
    frozen = networks[1].frozen
    return networks[0].architecture == networks[1].architecture and not (frozen and train.get("weights") == "none")


def first_sections(config: Config) -> dict[str, Any]:
    """The first stage's sections, as a configuration of its own is made of them."""
    assert config.funnel is not None
    given = config.funnel.first
    found = {section: dict(given.get(section) or {}) for section in SECTIONS}
    found["train"].setdefault("weights", config.train.weights)
    found["data"] = {**config.data.model_dump(), **(given.get("data") or {})}
    return {**found, "resources": config.resources.model_dump(), "report": config.report.model_dump()}


def first_stage(config: Config, build: Callable[[Mapping[str, Any]], Config]) -> Config:
    """The first stage's configuration, with the baseline among its techniques.

    Args:
        build: makes a configuration of sections.
    """
    assert config.funnel is not None
    first = build(first_sections(config))
    if config.funnel.of_groups is not None:
        first.space._of_groups = config.funnel.of_groups
    if BASELINE in first.space.techniques:
        return first
    space = first.space.model_copy(update={"techniques": [BASELINE, *first.space.techniques]})
    return first.model_copy(update={"space": space})


def written_out(config: Config, first: Config, values: Mapping[str, Any]) -> FunnelConfig:
    """The funnel with all that its first stage is, so that equal ones are equal however they were asked for.

    Args:
        first: the first stage.
        values: its sections as a file has them.
    Raises:
        ValueError: it is the second stage once more.
    """
    assert config.funnel is not None
    if (first.network, first.data, first.space) == (config.network, config.data, config.space):
        raise ValueError(
            "funnel.first is the second stage once more, so it would decide nothing more cheaply; give it another "
            "network, size or space, or leave funnel out"
        )
    whole: dict[str, Any] = {"preset": None, **{section: dict(values[section]) for section in SECTIONS}}
    if "weights" not in config.funnel.first.get("train", {}):
        del whole["train"]["weights"]
    if "data" in config.funnel.first:
        whole["data"] = config.funnel.first["data"]
    found = FunnelConfig(keep=config.funnel.keep, first=whole)
    found._of_groups = first.space.of_groups
    return found
