"""A full disk and a lost ownership are told in a sentence, however deep Tune has wrapped them."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from balancing.errors import UserError
from sweep import sweeps
from sweep.config.config import Config
from sweep.runs.interrupts import Interrupts
from sweep.runs.observer import Observer
from sweep.runs.outages import chain, outage
from sweep.runs.owner import Claim, NotOwner
from sweep.runs.sole import sole

RUN = Path("runs/my run")


def full() -> OSError:
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "status.json")


def wrapped(error: Exception) -> Exception:
    """As Tune does: an exception of its own in the handler of the first one."""
    try:
        try:
            raise error
        except Exception:
            raise RuntimeError("Traceback ...")  # noqa: B904 - what is tested
    except RuntimeError as outer:
        return outer


@pytest.mark.parametrize(
    "error",
    [full(), OSError(errno.EDQUOT, "quota"), RuntimeError("(pid=1)\nOSError: [Errno 28] No space left on device")],
)
@pytest.mark.parametrize("deep", [False, True])
def test_a_full_disk_is_told_with_how_to_go_on(error: Exception, deep: bool) -> None:
    sentence = outage(wrapped(error) if deep else error, RUN)
    assert isinstance(sentence, UserError)
    assert "no room is left" in str(sentence)
    assert "sweep resume 'runs/my run'" in str(sentence)


def test_a_fault_of_ours_is_not_hidden() -> None:
    assert outage(wrapped(KeyError("p_0")), RUN) is None
    assert outage(OSError(errno.ENOENT, "not there"), RUN) is None


def test_a_chain_that_bites_its_tail_ends() -> None:
    first, second = ValueError("a"), ValueError("b")
    first.__cause__, second.__cause__ = second, first
    assert set(chain(first)) == {first, second}


@pytest.mark.parametrize(
    ("error", "match"),
    [(wrapped(full()), "no room is left"), (wrapped(NotOwner("...")), "has taken run"), (wrapped(KeyError("k")), "k")],
)
def test_a_sweep_ends_by_the_sentence(error: Exception, match: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*given: Any, **options: Any) -> None:
        raise error

    class Made:
        path = RUN

    class Claimed:
        claim = Claim("owner/1.json", "x")
        lost = False

    monkeypatch.setattr("sweep.cluster.tuner.run_sweep", fails)
    nothing: Any = None
    made: Any = Made()
    owner: Any = Claimed()
    expected = type(error) if match == "k" else UserError
    interrupts = Interrupts()
    with (
        pytest.raises(expected, match="Traceback" if match == "k" else match),
        sole(RUN, owner, interrupts, nothing),
    ):
        sweeps._Work("ray", Observer(), owner, interrupts, ()).do(made, Config(), nothing)
