"""What a reader must know of the seeds that speak: what was compared before, looks at answers, seeds added later."""

from __future__ import annotations

from sweep.analysis.names import in_order
from sweep.analysis.results import Results
from sweep.analysis.statistics.significance import significant
from sweep.report.text.lists import techniques_listed


def confirmed_sentence(run: Results) -> str:
    """Among how many configurations each technique's was chosen, and which seeds judge it; "" without fresh seeds."""
    explored = [choice for choice in run.selection() if "explored" in choice]
    if not explored:
        return ""
    compared = _range([int(choice.get("configurations", 1)) for choice in explored], "configuration")
    few = _range([len(choice["explored"]["seeds"]) for choice in explored], "seed")
    fresh = _range([len(choice["seeds"]) for choice in explored], "fresh seed")
    return (
        f"Each technique's configuration was chosen on validation among {compared} with {few} each, and is judged by "
        f"{fresh} that choosing never saw: these alone speak."
    )


def confirmed_in_short(run: Results) -> str:
    """``confirmed_sentence`` in a few words, for a line of a table."""
    found = [choice for choice in run.selection() if "explored" in choice]
    if not found:
        return ""
    compared = _range([int(choice.get("configurations", 1)) for choice in found], "configuration")
    return f"chosen among {compared}, judged by fresh seeds"


def looks_lines(run: Results) -> list[str]:
    """How often the answers were looked at, and what that costs; [] where once, at the end."""
    found = run.confirming
    if found is None or len(found.looks) < 2:
        return []
    done = len([one for one in found.rounds if not one.added])
    seeds = ", ".join(str(count) for count in found.looks[:-1])
    least = {len(choice["seeds"]) for choice in run.selection()}
    text = (
        f"Seeds came in rounds: the answers were to be looked at with {seeds} and {found.looks[-1]} of each technique, "
        f"and were {done} time{'s' if done > 1 else ''}. Each look may spend its part of the 5 % level alone, so "
        "adjusted p-values hold for all of them together."
    )
    if len(least) > 1 or done < len(found.looks):
        text += " A technique whose answer stood, or would hardly come, trained no more; a gain that stopped it is a "
        text += "little too large."
    return [text]


def added_seeds_lines(run: Results) -> list[str]:
    """One sentence where seeds were added to the run when it had ended; else none."""
    entries = run.info.get("seeds_added", []) if run.is_of_run else []
    if not entries:
        return []
    seeds, before = sum(len(entry["seeds"]) for entry in entries), entries[0]["openings"]
    times = sorted({entry["time"][:10] for entry in entries})
    dates = times[0] if len(times) == 1 else f"between {times[0]} and {times[-1]}"
    looked = "once" if before == 1 else f"{before} times"
    return [
        f"{seeds} seed{'s' if seeds > 1 else ''} of each technique were added ({dates}) when results had been seen "
        f"(the test split had been opened {looked}), so p-values are a little too small."
    ]


def lost_techniques(run: Results) -> list[str]:
    """A sentence on techniques of which fewer than half of the seeds that were to speak did; [] of none."""
    lost = [c["technique"] for c in run.selection() if 2 * len(c["seeds"]) < c.get("planned", 0)]
    if not lost:
        return []
    return [f"More than half of their seeds were lost: {techniques_listed(in_order(lost))}."]


def fresh_cost(run: Results) -> list[str]:
    """A sentence on what fresh seeds each technique got beside what explored; [] where there are none."""
    found = run.confirming
    if found is None:
        return []
    got = [sum(len(r.seeds) for r in found.rounds if c["technique"] in r.techniques) for c in found.chosen]
    explored = any(choice["trial_ids"] for choice in found.chosen)
    said = f"{'Then the configuration chosen of each' if explored else 'Each'} was given {_range(got, 'fresh seed')}"
    return [f"{said}{', until its answer stood or could hardly come' if len(set(got)) > 1 else ''}."]


def luck_of_choosing(run: Results) -> list[str]:
    """A sentence on winners whose configuration was chosen by the seeds that speak; [] where fresh ones do, or of none.

    Of simulated sweeps with 8 configurations and 3 seeds and no gain at all, one technique's seeds varying five times
    as much as the others', 9 % named a winner so, and 3 % with fresh seeds (docs/statistics.md).
    """
    choices = {choice["technique"]: choice for choice in run.selection()}
    found = [
        choices[name]
        for name in significant(run.differences())["technique"]
        if name in choices and "explored" not in choices[name] and int(choices[name].get("configurations", 1)) > 1
    ]
    if not found:
        return []
    among = _range([int(choice["configurations"]) for choice in found], "configuration")
    names = techniques_listed(in_order(choice["technique"] for choice in found))
    return [
        f"{names}: chosen among {among} by the seeds that speak here, so part of the lead can be luck, the more the "
        "more seeds differ; with `--confirm 10` fresh seeds alone speak."
    ]


def _range(counts: list[int], what: str) -> str:
    low, high = min(counts), max(counts)
    many = str(high) if low == high else f"{low} to {high}"
    return f"{many} {what}{'s' if high != 1 else ''}"
