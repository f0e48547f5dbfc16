"""The ONNX file and eight lines of its card, in a process that has neither PyTorch nor this package."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from balancing.data.pixels.decoding import Manner, decode
from sweep.export.exporting import Wanted, export_run
from sweep.inference.deployed import deployed
from tests.sweep.inference.small import SIZE, small_run

FORBIDS = """
import sys

class Forbidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "torchvision", "sweep", "balancing", "onnx", "onnxscript"):
            raise ImportError(f"{name} is not here")

sys.meta_path.insert(0, Forbidden())
"""
ASKS = """
import json
print(json.dumps({output.name: answer[0].tolist() for output, answer in zip(session.get_outputs(), answers)}))
"""


def test_the_cards_own_lines_answer_as_the_run_does(tmp_path: Path) -> None:
    small = small_run(tmp_path, "whole", ("threshold",))
    made = export_run(small.run, tmp_path / "out", Wanted("baseline+threshold", ("onnx", "card")), small.images)
    (code,) = re.findall(r"```python\n(import numpy.*?)```", (made.folder / "README.md").read_text(), flags=re.DOTALL)
    found = deployed(small.run, "baseline+threshold")
    rng = np.random.default_rng(0)
    for number, (suffix, mode) in enumerate((("png", "L"), ("jpg", "L"), ("jpg", "RGB"), ("tif", "RGB"), ("png", "P"))):
        picture = Image.fromarray(rng.integers(0, 256, (50, 71, 3), dtype=np.uint8)).resize((71 + number, 50))
        path = made.folder / f"image.{suffix}"
        picture.convert(mode).save(path)
        script = FORBIDS + code.replace("image.png", path.name) + ASKS
        done = subprocess.run(
            [sys.executable, "-I", "-c", script], cwd=made.folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        said = json.loads(done.stdout.splitlines()[-1])
        decoded = decode(path, Manner(SIZE))
        assert not isinstance(decoded, str)
        answers = found.answers(found.logits(decoded.pixels[None]))
        assert answers.probabilities is not None
        assert said["probabilities"] == pytest.approx(answers.probabilities[0].tolist(), abs=1e-3)  # a grey level
        assert said["calibrated_probabilities"] == pytest.approx(answers.calibrated[0].tolist(), abs=2e-3)  # type: ignore[index]
        assert said["decision"] == answers.decisions[0]  # type: ignore[index]
