"""What we found on the chest X-rays: forty techniques on frozen features, a dozen end to end, and what agrees.

    CHEST_XRAY_DIR=... python -m benchmarks.results                     # trains both, an hour or two on two cores
    python -m benchmarks.results --frozen RUN --whole RUN               # writes the page of runs that were made before
    python -m benchmarks.results --small pneumoniamnist.npz             # and the same on images of 28 pixels

Writes docs/results.md and docs/results.png.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from benchmarks.common import ROOT, source
from benchmarks.results_numbers import Found
from benchmarks.results_page import (
    agreement_of,
    answer_of,
    facts,
    figure,
    of_both,
    of_techniques,
    prior_of,
    says,
    threshold_of,
)
from sweep.analysis.results import Results

# The dozen of the preset `compare`, end to end.
WHOLE: dict[str, Any] = {
    "image_size": 64,
    "weights": "none",
    "stem": "imagenet",
    "seeds": 5,
    "epochs": 3,
    "strength": 0.5,
}
SMALL: dict[str, Any] = {"image_size": 28, "weights": "none", "stem": "small", "seeds": 5, "epochs": 3, "strength": 0.5}
FROZEN = "frozen:efficientnet_lite0"

_HEAD = """# What we found on the chest X-rays

Two comparisons on the same images and the same test patients
([hf-vision/chest-xray-pneumonia](https://huggingface.co/datasets/hf-vision/chest-xray-pneumonia): children, pneumonia
or none, one hospital). Made by `python -m benchmarks.results`; every number, and every sentence with a number,
down to the limits is written by that script from the runs' records. Intervals hold 95 % and speak of test patients and
of seeds; a technique in **bold** differs from the baseline significantly (adjusted for all of its table).

## In short

"""

_FIGURE = """
![T against balanced accuracy and against the Brier score](results.png)

T is the share of the class prior that is out of the network's answers, measured on validation: 0 where they carry the
training split's frequencies, 1 where they carry none. Each mark is a technique, the mean over its seeds; large outlines
are baselines.
"""

_LIMITS = """
## What this can't tell

- One data set, one hospital, children from one to five years; labels by readers of these very images. Its official test
  split is unlike its training split (`sweep audit` tells them apart, and pneumonia is rarer in it), which is why test
  numbers lie so far below validation's, and why what is tuned on validation transfers as badly as it does.
- Three of four training images show pneumonia: the *positive* class is the frequent one here, so a technique that
  balances classes takes recall away and gives specificity. Where the disease is rare the same technique does
  the opposite.
- The imbalance is mild (1 to 2.9). None of this says what helps at 1 to 100.
- End to end means ResNet18 from scratch on small images for a few epochs: trained longer, or from ImageNet's weights at
  full size, it may order techniques otherwise. The frozen network was trained on photographs and sees nothing else.
- One configuration a technique: learning rate and weight decay were not searched for each one. Those of the frozen
  heads (the preset's) were chosen on this data set's validation split, to reach what logistic regression reaches; test
  numbers of the baseline and of class weights were seen meanwhile by those who chose.
- "Not significant" is not "equal": each interval says what was excluded.
"""


def main() -> None:
    """Makes what is missing, then writes the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frozen", type=Path, help="a finished run of the preset 'frozen'")
    parser.add_argument("--whole", type=Path, help="a finished run of a dozen techniques end to end")
    parser.add_argument("--small", type=Path, help="an .npz of MedMNIST, or a finished run on it")
    parser.add_argument("--network", default=FROZEN, help="of the frozen run")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="where runs are made")
    parser.add_argument("--out", type=Path, default=ROOT / "docs")
    asked = parser.parse_args()
    frozen = _run(asked.frozen, asked.runs / "results-frozen", "frozen", {"network": asked.network})
    whole = _run(asked.whole, asked.runs / "results-whole", "compare", WHOLE)
    small = None
    if asked.small is not None:
        made = asked.small if asked.small.is_dir() else None
        small = _run(made, asked.runs / "results-small", "compare", SMALL, data=str(asked.small))
    write(asked.out, frozen, whole, small)


def _run(made: Path | None, out: Path, preset: str, settings: dict[str, Any], data: str | None = None) -> Found:
    """A run that is there, or is made now."""
    if made is None:
        import sweep

        settings = settings if preset == "frozen" else {"trials": 1, "lr": 1e-3, "search_parameters": False, **settings}
        made = sweep.compare(data or source(), preset=preset, out=out, resume=True, progress=True, **settings).path
    return Found(Results.of_run(made))


def write(out: Path, frozen: Found, whole: Found, small: Found | None = None) -> None:
    """The page and its figure.

    Args:
        out: the folder.
    """
    on_features, end_to_end = "On frozen features", "End to end"
    named = [(on_features, frozen), (end_to_end, whole), *([("At 28 pixels", small)] if small else [])]
    short = [answer_of(found, what) for what, found in named]
    short += [words for what, found in named if (words := threshold_of(found, what))]
    short += [prior_of(frozen, on_features), agreement_of(frozen, whole)]
    page = _HEAD + "\n".join(f"- {line}" for line in short)
    page += f'\n\nThe tool\'s own verdicts. Frozen: "{says(frozen)}"\n\nEnd to end: "{says(whole)}"\n{_FIGURE}'
    for what, found in named:
        page += f"\n## {what}\n\n" + "\n".join(f"- {line}" for line in facts(found)) + f"\n\n{of_techniques(found)}\n"
    page += f"\n## What agrees between both\n\n{of_both(frozen, whole)}\n{_LIMITS}"
    figure(out / "results.png", [(what.lower(), found) for what, found in named[:2]])
    (out / "results.md").write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
