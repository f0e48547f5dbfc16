"""The worlds of ``benchmarks.verdicts``, by table."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.verdict_worlds import Exploration, World

MANY = (400, 700)
_GAIN = (0.03,)
# Seeds that matter: skill varies by 0.015 in accuracy, a network's own noise by half of what it is elsewhere.
_SKILLED = World("", skill=0.054, network=0.3)


def usual_worlds() -> list[World]:
    """What sweeps are like as a rule: seeds, patients, own readings."""
    found = [
        World(f"{seeds} seeds{told}", seeds=seeds, gains=gains)
        for told, gains in (("", ()), (", a gain", _GAIN))
        for seeds in (2, 3, 5, 10)
    ]
    found += [World(f"{seeds} seeds, wide, a gain", seeds=seeds, swing=0.3, gains=_GAIN) for seeds in (3, 5, 10)]
    return [
        *found,
        World("2 seeds, wide", seeds=2, swing=0.3),
        World("1,100 patients", patients=MANY),
        World("1,100 patients, a gain", patients=MANY, gains=_GAIN),
        World("no own reading", reading=0.0),
        World("large own reading", seeds=10, reading=0.8),
    ]


def hard_worlds() -> list[World]:
    """Where techniques vary unequally, are many or few patients were tested."""
    found = []
    for uneven in (0.0, 0.5, 1.0):
        for techniques in (5, 20):
            name = f"uneven {uneven:g}, {techniques} techniques"
            found.append(replace(_SKILLED, name=name, seeds=3, uneven=uneven, techniques=techniques))
    found += [
        replace(_SKILLED, name="uneven 1, 10 seeds", seeds=10, uneven=1.0),
        replace(_SKILLED, name="one five times", seeds=3, outlier=5.0),
        replace(_SKILLED, name="one of 12 five times", seeds=3, outlier=5.0, techniques=12),
        replace(_SKILLED, name="one five times, 10 seeds", seeds=10, outlier=5.0),
        replace(_SKILLED, name="baseline five times", seeds=3, baseline_outlier=5.0),
        replace(_SKILLED, name="seeds alike", seeds=3, correlation=0.7),
        replace(_SKILLED, name="seeds opposed", seeds=3, correlation=-0.7),
        World("12 techniques", techniques=12),
        World("20 techniques", techniques=20),
        World("20 techniques, a gain", techniques=20, gains=_GAIN),
        World("40 techniques", techniques=40, samples=2000),
        World("10 + 10 patients", patients=(10, 10)),
        World("20 + 20 patients", patients=(20, 20)),
        World("40 + 60 patients", patients=(40, 60)),
        World("accuracy 0.65", accuracy=0.65),
        World("accuracy 0.95", accuracy=0.95),
    ]
    return [replace(world, samples=world.samples or (1000 if world.techniques == 20 else 0)) for world in found]


def equivalence_worlds() -> list[World]:
    """Techniques that are equal, and techniques that differ by just the margin."""
    at = (0.03,) * 5
    found = [World("equal, 1,100 patients", patients=MANY), World("equal, 320 patients")]
    found += [replace(world, name=world.name.replace("equal", "at the margin"), gains=at) for world in found]
    found = [replace(world, seeds=10, margin=0.03) for world in found]
    return [*found, World("at the margin, 3 seeds", seeds=3, margin=0.03, gains=at)]


def explored_worlds() -> list[World]:
    """Configurations are chosen on validation, with 8 draws of each technique."""
    ways = [
        ("8 x 3", Exploration(8, 3)),
        ("8 x 1 + 10", Exploration(8, 1, 10)),
        ("8 x 1 + 16", Exploration(8, 1, 16)),
    ]
    found = []
    for told, how in ways:
        unequal = replace(how, spread=0.015)
        found += [
            World(f"{told}: a gain", gains=_GAIN, exploration=unequal),
            World(f"{told}: equal", exploration=how),
            replace(_SKILLED, name=f"{told}: one five times", outlier=5.0, exploration=how),
            World(f"{told}: a gain, shifted", gains=_GAIN, exploration=replace(unequal, shift=0.03, easier=0.05)),
        ]
    return [world for world in found if "16" not in world.name or world.name.endswith("a gain")]


def promise_worlds() -> list[World]:
    """Where the promised gain is held against the one that is truly seen with 80 % power."""
    found = [World(f"{seeds} seeds", seeds=seeds) for seeds in (2, 3, 5, 10)]
    return [
        *found,
        World("5 seeds, wide", swing=0.3),
        World("1,100 patients", patients=MANY),
        World("20 techniques", techniques=20, samples=1000),
        World("40 + 60 patients", patients=(40, 60)),
        replace(_SKILLED, name="uneven 0.5", uneven=0.5),
    ]
