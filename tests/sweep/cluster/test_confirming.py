"""Fresh seeds on Ray, also those added to a run that has ended: trials and numbers are those without Ray."""

from __future__ import annotations

import shutil
from pathlib import Path

from sweep.runs.run import Run
from tests.golden.kinds import WEIGHTS
from tests.sweep.cluster.sweeping import RAYS_WARNINGS, call, numbers

pytestmark = RAYS_WARNINGS

HEADS = f"""
data: {{source: phantom, image_size: 32, phantom_images: 300}}
space:
  techniques: [baseline, class_weights]
  lr: 0.01
  weight_decay: [0.0, 0.1]
  epochs: 2
  batch_size: 4096
  seeds: 1
  confirm: 2
train: {{network: frozen, weights: {WEIGHTS}}}
"""


def test_fresh_seeds_and_added_ones_are_those_of_a_sweep_without_ray(tmp_path: Path) -> None:
    (tmp_path / "heads.yaml").write_text(HEADS)
    call("run", tmp_path / "heads.yaml", "--out", tmp_path / "ray", "--max-concurrent", "2")
    call("run", tmp_path / "heads.yaml", "--out", tmp_path / "local", "--local")
    shutil.copytree(tmp_path / "local", tmp_path / "more")
    said = call("more", tmp_path / "ray", "--seeds", "1", "--max-concurrent", "2")
    assert "1 seed of each technique were added" in (tmp_path / "ray" / "report" / "report.md").read_text()
    call("more", tmp_path / "more", "--seeds", "1", "--local")
    assert "3 fresh seeds" in said
    run, other = Run(tmp_path / "ray"), Run(tmp_path / "more")
    assert [spec.trial_id for spec in run.specs()] == [spec.trial_id for spec in other.specs()]
    assert run.selection() == other.selection()
    spoke = [trial_id for choice in run.selection() for trial_id in choice["trial_ids"]]
    assert len(spoke) == 2 * 3
    assert numbers(run.path, spoke) == numbers(other.path, spoke)
    assert [len(opening["trials"]) for opening in run.test_openings()] == [4, 2]
