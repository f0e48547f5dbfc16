"""One picture at a time through a run's exported graph and through PyTorch, on one thread.

    python -m benchmarks.export_latency RUN [WHAT]

Prints seconds and megabytes of the graph, and milliseconds a picture (the least of many, taken in turns, so that what
else runs slows both alike): of PyTorch and of ONNX Runtime, on pixels of the network's size.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch

from sweep.export.check import said
from sweep.export.graph import onnx_model
from sweep.inference.deployed import deployed
from sweep.runs.run import Run


def main() -> None:
    """Prints two lines."""
    import onnxruntime

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("what", nargs="?", default="best")
    parser.add_argument("--turns", type=int, default=40)
    given = parser.parse_args()
    torch.set_num_threads(1)
    found = deployed(Run(given.run), given.what)
    began, used = time.perf_counter(), time.process_time()
    content = onnx_model(found, "benchmark").SerializeToString()
    wall, used = time.perf_counter() - began, time.process_time() - used
    print(
        f"{found.technique}, {found.image_size} pixels: {len(content) / 1e6:.1f} MB, {wall:.1f} s ({used:.1f} s of CPU)"
    )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    pixels = np.random.default_rng(0).integers(0, 256, (1, found.image_size, found.image_size), dtype=np.uint8)
    least = {"PyTorch": np.inf, "ONNX Runtime": np.inf}
    for _ in range(given.turns):
        for name, answer in (
            ("PyTorch", lambda: found.answers(found.logits(pixels))),
            ("ONNX Runtime", lambda: said(session, pixels)),
        ):
            began = time.perf_counter()
            answer()
            least[name] = min(least[name], time.perf_counter() - began)
    torch_ms, onnx_ms = (1000 * least[name] for name in ("PyTorch", "ONNX Runtime"))
    print(f"a picture: PyTorch {torch_ms:.2f} ms, ONNX Runtime {onnx_ms:.2f} ms, ratio {torch_ms / onnx_ms:.2f}")


if __name__ == "__main__":
    main()
