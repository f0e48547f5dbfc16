"""Offline runs of Weights & Biases are read back from the files that it syncs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from balancing.errors import UserError
from sweep.runs.run import Run
from sweep.trackers.asked import Asked
from sweep.trackers.log import log_run

_ASKED = Asked("wandb")
_BLOCK, _HEAD = 32768, 7  # of the log format that W&B has from LevelDB: blocks, and before each piece crc, length, kind


def _records(path: Path) -> Iterator[Any]:
    """The messages of a .wandb file; its first block begins with 7 bytes of W&B's own."""
    from wandb.proto.wandb_internal_pb2 import Record

    data, at, whole = path.read_bytes(), _HEAD, b""
    while at + _HEAD <= len(data):
        if _BLOCK - at % _BLOCK < _HEAD:
            at += _BLOCK - at % _BLOCK
            continue
        length, kind = int.from_bytes(data[at + 4 : at + 6], "little"), data[at + 6]
        piece, at = data[at + _HEAD : at + _HEAD + length], at + _HEAD + length
        whole = piece if kind in (1, 2) else whole + piece
        if kind in (1, 4):
            record = Record()
            record.ParseFromString(whole)
            yield record


def _offline(run: Run) -> dict[str, Path]:
    """Trial id ("" of the sweep) -> its offline folder."""
    folders = list((run.path.parent / "wandb").glob("offline-run-*"))
    info = run.info["id"]
    found = {
        re.sub(rf"^offline-run-\d+_\d+-{info}-?", "", re.sub(r"-\d{1,3}$", "", folder.name)): folder
        for folder in folders
    }
    assert len(found) == len(folders)
    return found


def _values(items: Any) -> dict[str, Any]:
    return {(item.key or "/".join(item.nested_key)): json.loads(item.value_json) for item in items}


def test_offline_runs_hold_what_the_records_say_and_are_told_once(
    bare: Run, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "k3y" * 14)
    assert log_run(bare.path, _ASKED).new == len(bare.specs())
    told = _offline(bare)
    assert set(told) == {"", *(spec.trial_id for spec in bare.specs())}
    spec = [spec for spec in bare.specs() if spec.technique == "focal"][-1]  # the first one diverged
    records = list(_records(next(told[spec.trial_id].glob("*.wandb"))))
    (begun,) = [one.run for one in records if one.WhichOneof("record_type") == "run"]
    assert (begun.project, begun.job_type, begun.run_group) == ("balancing-act", "trial", f"run {bare.info['id']}")
    config = {item.key: json.loads(item.value_json) for item in begun.config.update}
    assert (config["lr"], config["seed"], config["technique"]) == (spec.lr, spec.seed, "focal")
    assert config["axis.loss"] == "focal"
    history = [_values(one.history.item) for one in records if one.WhichOneof("record_type") == "history"]
    epochs = bare.trial(spec.trial_id).epochs()
    assert [one["validation/auroc"] for one in history] == [epoch["auroc"] for epoch in epochs]
    summary: dict[str, Any] = {}
    for one in records:
        if one.WhichOneof("record_type") == "summary":
            summary |= _values(one.summary.update)
    best = max(epoch["balanced_accuracy"] for epoch in epochs)
    assert summary["best/validation/balanced_accuracy"] == best
    everything = b"".join(path.read_bytes() for path in (bare.path.parent / "wandb").rglob("*") if path.is_file())
    assert b"k3yk3y" not in everything
    synced = b"".join(path.read_bytes() for path in (bare.path.parent / "wandb").rglob("*.wandb"))
    assert b"home-of-ada" not in synced
    assert log_run(bare.path, _ASKED).same == len(bare.specs())
    before = _offline(bare)
    bare.trial(spec.trial_id).write_epochs(epochs[:2])
    assert log_run(bare.path, _ASKED).changed == 1
    after = _offline(bare)
    assert set(after) == set(before)
    history = [one for one in _records(next(after[spec.trial_id].glob("*.wandb"))) if one.HasField("history")]
    assert len(history) == 2
    out, err = capfd.readouterr()
    assert "k3yk3y" not in out + err


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (Asked("wandb", mode="sometimes"), "--mode must be offline or online, but is 'sometimes'"),
        (Asked("wandb", uri="https://wandb.example.org"), "add --mode online"),
        (Asked("wandb", uri="https://ada:s3cr3t@wandb.example.org", mode="online"), "as WANDB_API_KEY"),
        (Asked("wandbb"), "did you mean 'wandb'"),
    ],
)
def test_what_can_not_be_is_one_sentence_and_no_file(bare: Run, asked: Asked, said: str) -> None:
    with pytest.raises(UserError, match=said) as told:
        log_run(bare.path, asked)
    assert "s3cr3t" not in str(told.value)
    assert not (bare.path.parent / "wandb").exists()
