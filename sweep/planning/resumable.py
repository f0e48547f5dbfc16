"""Whether a run may be gone on with (the same settings, the same data, what trained its trials), and what is left."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from balancing.errors import UserError
from sweep.runs.files import now
from sweep.runs.foreign import check_unchanged
from sweep.runs.run import Run
from sweep.runs.spec import TrialSpec
from sweep.runs.split_table import split_fingerprint
from sweep.runs.trial_folder import ENDED, may_be_best
from sweep.runs.versions import differing, release, versions
from sweep.training.dtype import BFLOAT16_FROM

if TYPE_CHECKING:
    from sweep.config.config import Config
    from sweep.planning.prepare import SweepInputs


def check_same(found: Run, config: Config) -> None:
    """Raises UserError where a run was started with other settings; where it runs may differ.

    Local data and weights may lie elsewhere now: their content is compared instead, by ``check_data``.
    """
    from sweep.config.config import recorded_config
    from sweep.config.localpaths import is_local

    check_unchanged(found)
    recorded = recorded_config(found)
    was, is_now = _settings(recorded), _settings(config)
    for name in dict.fromkeys((*is_now, *was)):
        section, key = name.split(".")[-2:]
        value, before = is_now.get(name), was.get(name)
        if value != before and not is_local(section, key, value):
            raise UserError(
                f"run {found.path} was started with {name} = {before}, not {value}; go on "
                f"with it by `sweep resume {shlex.quote(str(found.path))}`, or give a new --out"
            )


def _settings(config: Config) -> dict[str, Any]:
    """Every key that can change a number -> its value; of two stages both's, but for what the first decides."""
    whole = config.model_dump(exclude={"resources", "report", "funnel"})
    found = {f"{section}.{key}": value for section, values in whole.items() for key, value in values.items()}
    if config.funnel is None:
        return found
    del found["space.techniques"], found["space.parameters"]  # of the second stage; the first's hold what was asked for
    first = {f"funnel.first.{name}": value for name, value in _settings(config.first_stage).items()}
    return {**found, "funnel.keep": config.funnel.keep, **first}


def check_data(found: Run, inputs: SweepInputs) -> None:
    """Raises UserError where images, split or starting weights are not those that the run was begun with."""
    recorded = found.info["data"]
    weights = inputs.fixed["weights"]
    for what, now_is, was in (
        ("images", inputs.images.fingerprint, recorded["fingerprint"]),
        ("split", split_fingerprint(inputs.split), recorded["split_fingerprint"]),
        ("starting weights", weights, next((spec.weights for spec in found.specs()), weights)),
    ):
        if now_is != was:
            raise UserError(
                f"the {what} of {found.path} were {was[:20]}, but are {now_is[:20]} now: what it was started with "
                "changed since; put them back, or start a new run"
            )


def check_versions(found: Run, *, allow_mixed: bool) -> list[str]:
    """Notes that a run is gone on with, and by what; returns a sentence where its trials will then be trained unlike.

    Raises:
        UserError: trials were trained with another release (major, minor) of torch, and that is not allowed.
    """
    here, before = versions(), trained_with(found)
    unlike = list(dict.fromkeys(line for known in before for line in differing(here, known)))
    torches = [(known["torch"], here["torch"]) for known in before if "torch" in known and "torch" in here]
    other = next((was for was, is_now in torches if release(was) != release(is_now)), None)
    if other and not allow_mixed:
        raise UserError(
            f"trials of {found.path} were trained with torch {other}, but this is torch {here['torch']}, and a "
            "comparison of both is not paired: go on in an environment with the first, or all the same by --allow-mixed"
        )
    if not before:
        found.update_info(versions=here)
        return []
    found.update_info(resumed=[*found.info.get("resumed", []), {"time": now(), "versions": here, "unlike": unlike}])
    if not unlike:
        return []
    return [f"Trials so far were trained with {'; '.join(unlike)}: from here on they are not, and the report says so."]


def trained_with(found: Run) -> list[dict[str, Any]]:
    """The sets of versions that trained anything of a run so far, each once; [] where no trial has begun.

    A trial of a version that did not note its own counts with the run's.
    """
    sets: list[dict[str, Any]] = []
    for status in (found.trial(path.parent.name).status() for path in found.path.glob("trials/*/status.json")):
        if status["status"] != "waiting" or "attempts" in status:
            sets += status.get("trained_with") or [found.info["versions"]]
    return [known for number, known in enumerate(sets) if known not in sets[:number]]


def ended_trials(run: Run, specs: Sequence[TrialSpec]) -> dict[str, tuple[str, float | None]]:
    """Trial id -> (state, best value) of those that need not run again; those whose records are damaged must."""
    ended = {}
    for spec in specs:
        folder = run.trial(spec.trial_id)
        status = folder.status()
        if status["status"] not in ENDED or folder.fault():
            continue
        values = [v for e in folder.epochs() if (v := e.get(spec.metric)) is not None and may_be_best(e)]
        ended[spec.trial_id] = (status["status"], max(values, default=None))
    return ended


def settle_precision(run: Run, config: Config, inputs: SweepInputs, fast: Callable[[], str]) -> SweepInputs:
    """``precision: auto`` made a fact of the run, once: a resume on other hardware keeps it. Tiny images are float32.

    Args:
        fast: asked where nothing is recorded: what is faster where trials run, ``float32`` or ``bfloat16``.
    """
    if config.train.precision != "auto":
        return inputs
    precision = run.info.get("precision")
    if precision is None:
        precision = fast() if config.data.image_size >= BFLOAT16_FROM else "float32"
        run.update_info(precision=precision)
    return inputs.in_precision(precision)
