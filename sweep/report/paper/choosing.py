"""The part of the methods paragraph on how configurations were chosen, with which seeds, and when the test was seen."""

from __future__ import annotations

from collections import Counter

import yaml

from sweep.analysis.names import inline_name
from sweep.analysis.results import Results
from sweep.report.paper.bibliography import Bibliography
from sweep.report.words.folds import fold_places
from sweep.runs.stages import decision_of, first_of

_NUMBERS = {1: "once", 2: "twice", 3: "three times"}


def selection_lines(run: Results, cited: Bibliography) -> list[str]:
    """A sentence each; [] before anything was selected."""
    lines = [*_stages(run), *_search(run, cited), *_seeds(run), *_lost(run), *_opened(run)]
    return [line for line in lines if line]


def _stages(run: Results) -> list[str]:
    """That a first stage decided what was trained here."""
    first, decision = first_of(run.run), decision_of(run.run)
    if first is None or decision is None:
        return []
    there = len({spec.technique for spec in first.specs()})
    return [
        f"A first stage compared {there} techniques on another, cheaper training; by its validation results "
        f"{len(decision['techniques'])} were taken into the comparison reported here."
    ]


def _config(run: Results) -> dict[str, dict[str, object]]:
    loaded = yaml.safe_load(run.config_yaml)
    return {key: one for key, one in loaded.items() if isinstance(one, dict)} if isinstance(loaded, dict) else {}


def _search(run: Results, cited: Bibliography) -> list[str]:
    chosen = run.selection()
    if not chosen:
        return ["No configuration has been selected yet."]
    counts = sorted({int(choice.get("configurations", 1)) for choice in chosen})
    if counts == [1]:
        return ["Each technique was trained in one configuration, so none was selected."]
    many = f"{counts[-1]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    metrics = dict.fromkeys(inline_name(str(c.get("metric", run.metric))) for c in chosen)
    lines = [
        f"For each technique {many} configurations were compared, and the one with the highest mean validation "
        f"{' or '.join(metrics)} over its seeds was chosen"
        + (", within each fold" if fold_places(run) else "")
        + "; the test part had no influence on that choice."
    ]
    sweep = _config(run).get("sweep", {})
    if sweep.get("search") == "optuna":
        lines.append(f"Configurations were proposed by Optuna{cited.cite('akiba2019')}.")
    if sweep.get("scheduler") == "asha":
        lines.append(f"Poor configurations were stopped early by successive halving{cited.cite('li2020asha')}.")
    return lines


def _seeds(run: Results) -> list[str]:
    chosen = run.selection()
    if not chosen:
        return []
    explored = [choice for choice in chosen if "explored" in choice]
    judged = _range([len(choice["seeds"]) for choice in chosen])
    again = ", in each fold" if fold_places(run) else ""
    if explored:
        few = _range([len(choice["explored"]["seeds"]) for choice in explored])
        lines = [
            f"Configurations were explored with {few} random seed{'s' if few != '1' else ''} each; the chosen one was "
            f"then trained anew with {judged} fresh seeds, which alone enter the results{again}."
        ]
    else:
        several = max(int(choice.get("configurations", 1)) for choice in chosen) > 1
        lines = [
            f"Every configuration was trained with {judged} random seed{'s' if judged != '1' else ''}{again}, the same "
            "for all techniques"
            + (
                "; the seeds that chose a configuration also enter the results, so part of a technique's lead can be "
                "the luck of choosing."
                if several
                else "."
            )
        ]
    added = run.info.get("seeds_added", [])
    if added:
        lines.append(
            f"{sum(len(entry['seeds']) for entry in added)} seeds per technique were added after results had been seen."
        )
    return lines


def _lost(run: Results) -> list[str]:
    """How many trainings gave no result, and whether all have ended."""
    counts = Counter(str(record.status.get("status", "waiting")) for record in run.records.values())
    lost, open_ = counts["failed"] + counts["diverged"], counts["waiting"] + counts["running"]
    many = f"of {sum(counts.values()):,} trainings"
    lines = []
    if lost:
        lines.append(f"{lost:,} {many} failed or diverged and {'are' if lost > 1 else 'is'} not in the results.")
    if open_:
        lines.append(f"[AUTHORS: {open_:,} {many} {'have' if open_ > 1 else 'has'} not ended; finish the run first.]")
    return lines


def _opened(run: Results) -> list[str]:
    """How often the test part was evaluated."""
    openings = run.test_openings()
    if not openings:
        return ["The test part has not been evaluated."]
    chosen = max((int(choice.get("configurations", 1)) for choice in run.selection()), default=1) > 1
    if fold_places(run):
        later = run.later_openings()
        return [
            f"Each fold's test part was evaluated after {'selection' if chosen else 'training'} within that fold"
            + (f", and {later} more times later." if later else ", once.")
        ]
    looks = sum("look" in one for one in openings)
    later = run.later_openings()
    often = _NUMBERS.get(len(openings), f"{len(openings)} times")
    text = f"The test part was evaluated {often}, after {'configurations had been chosen' if chosen else 'training'}"
    if looks > 1:
        text += f" ({looks} of these at planned looks)"
    text += "."
    if later > 0:
        text += (
            f" {later} of these evaluations {'were' if later > 1 else 'was'} made when earlier test results could be "
            "known."
        )
    return [text]


def _range(counts: list[int]) -> str:
    return str(max(counts)) if min(counts) == max(counts) else f"{min(counts)} to {max(counts)}"
