"""The model card of an export, in the form of the Hugging Face Hub: YAML in front, then Markdown."""

from __future__ import annotations

from balancing.version import VERSION
from sweep.export.answers import CALIBRATED, DECISION, LOGITS, PROBABILITIES, SCORES, outputs_of
from sweep.export.card_facts import CardFacts, code, shown
from sweep.export.card_front import front_matter, model_name
from sweep.export.card_sections import (
    calibration_lines,
    data_lines,
    decision_lines,
    limit_lines,
    metric_lines,
    prior_lines,
    reference_rows,
    training_lines,
)
from sweep.export.check import TOLERANCE, Difference
from sweep.export.folder import GRAPH, TENSORS
from sweep.report.text.escape import code_block, markdown
from sweep.report.text.lists import listed

_MEANINGS = {
    PROBABILITIES: "(batch, {c}) float32, as the network says them",
    CALIBRATED: "(batch, {c}) float32, calibrated on validation",
    DECISION: "(batch,) int64, index of the class decided for",
    LOGITS: "(batch, {c}) float32",
    SCORES: "(batch, {c}) float32, which rank images alone: the higher, the likelier; no probabilities",
}


def card(facts: CardFacts) -> str:
    """README.md, whole."""
    sections = [
        ("Intended use", _intended(facts)),
        ("Data", data_lines(facts)),
        ("Training", training_lines(facts)),
        ("Results on the test split", metric_lines(facts)),
        ("Which class frequencies the answers carry", prior_lines(facts)),
        ("Calibration", calibration_lines(facts)),
        ("Decision rule", decision_lines(facts)),
        ("Limits", limit_lines(facts)),
        ("How to run it", run_lines(facts)),
        ("How it was checked", checked_lines(facts)),
        ("Citation", citation_lines(facts)),
    ]
    body = [f"# {shown(model_name(facts))}", "", "**Research software, not for diagnosis.**", "", *_what(facts)]
    for heading, lines in sections:
        body += ["", f"## {heading}", "", *lines]
    return front_matter(facts) + "\n" + "\n".join(body) + "\n"


def _what(facts: CardFacts) -> list[str]:
    deployed = facts.deployed
    what = f"an ensemble of {len(deployed.networks)} networks" if deployed.is_ensemble else "a network"
    return [
        f"This is {what} that tells {listed(facts.classes)} apart on images like those of {shown(facts.data)}. It was "
        "trained, chosen and tested in a comparison of techniques for imbalanced classes by "
        f"Balancing Act {VERSION} (run {code(facts.results.info['id'])})."
    ]


def _intended(facts: CardFacts) -> list[str]:
    return [
        "For research on class imbalance in medical images: to compare with, to reproduce, to build on. It is no "
        "medical device, was not assessed as one, and must not be used for decisions on patients."
    ]


def run_lines(facts: CardFacts) -> list[str]:
    """Lines with onnxruntime, what pictures must be and what the outputs are; and how PyTorch reads the weights."""
    size, reading = facts.deployed.image_size, facts.deployed.reading
    lines: list[str] = []
    if GRAPH in facts.files:
        code = (
            "import numpy as np, onnxruntime\n"
            "from PIL import Image, ImageOps\n"
            "\n"
            f'session = onnxruntime.InferenceSession("{GRAPH}")\n'
            'picture = ImageOps.exif_transpose(Image.open("image.png")).convert("RGB")\n'
            'answers = session.run(None, {"images": np.asarray(picture)[None]})\n'
            "for output, answer in zip(session.get_outputs(), answers):\n"
            "    print(output.name, answer[0])"
        )
        way = {"squash": "squashed", "pad": "padded with black", "crop": "cut to the square in the middle"}
        lines += [
            code_block(code, "python"),
            "",
            "`images` is (batch, height, width, channels) uint8, 0 to 255, 1 or 3 channels, of any size, but equal "
            f"within a batch. The graph itself resizes ({way[reading.manner.resize]} to {size} x {size}, antialiased "
            "bilinear) and normalises. Outputs:",
            "",
        ]
        n_classes = len(facts.classes)
        lines += [f"* `{name}`: {_MEANINGS[name].format(c=n_classes)}" for name in outputs_of(facts.deployed)]
        lines += ["", "Classes by index: " + ", ".join(f"{n} {name}" for n, name in enumerate(facts.classes)) + "."]
        if reading.deep:
            white = (1 << reading.manner.bits) - 1
            lines += ["", f"16-bit greys are scaled first: round(255 * grey / {white}), brighter ones are white."]
        if reading.floating:
            black, white_at = reading.manner.floats
            lines += ["", f"Floating-point pixels are scaled first: {black:g} is 0 and {white_at:g} is 255."]
        if reading.manner.page is not None:
            lines += ["", f"Of files with several pages or frames it is page {reading.manner.page}."]
    if TENSORS in facts.files:
        code = 'from sweep.export import load\n\nnetwork = load("FOLDER")  # (B, 3, S, S) normalised -> (B, C) logits'
        lines += ["", "In PyTorch, with `pip install 'balancing-act[export]'`:", "", code_block(code, "python")]
    return lines or [
        "The network is not in this folder; `sweep export` writes it with --formats onnx,safetensors,card."
    ]


def checked_lines(facts: CardFacts) -> list[str]:
    """How near the ONNX file is to PyTorch, to the records, and its resize to the decoder that it was trained by."""
    checked = facts.checked
    if checked is None:
        return ["There is no ONNX file here to check."]
    unit = "scores" if facts.deployed.network_gives != "probabilities" else "probabilities"
    on = "images of noise (the run's own were not at hand)" if checked.on == "noise" else f"{checked.on} images"
    lines = [
        f"* ONNX (opset {facts.opset}) against PyTorch on {checked.of_torch.images} {on}: {unit} differ by "
        f"{_apart(checked.of_torch)}; more than {TOLERANCE:g} would have refused the export."
    ]
    if checked.of_records is not None:
        lines.append(
            f"* Against what the run recorded of these images, in the precision that it trained in: "
            f"{_apart(checked.of_records)}."
        )
    if checked.of_decoder is not None:
        lines.append(
            f"* From {checked.of_decoder.images} whole pictures, resized by the graph, against the run's own decoder: "
            f"{_apart(checked.of_decoder)}. (The run decodes a large JPEG at a fraction of its size, which is faster; "
            "the filter is the same.)"
        )
    else:
        lines.append("* The graph's resize was not held against the run's decoder: no larger pictures were at hand.")
    return lines


def _apart(found: Difference) -> str:
    return f"at most {found.largest:.2g}, {found.mean:.2g} in the mean"


def citation_lines(facts: CardFacts) -> list[str]:
    """The software, and whose methods these are."""
    entry = (
        "@software{balancing_act,\n"
        "  title = {Balancing Act: a paired comparison of techniques for class imbalance in medical images},\n"
        "  author = {{The Balancing Act developers}},\n"
        f"  version = {{{VERSION}}},\n"
        "}"
    )
    lines = [f"* {markdown(what)}: {markdown(source)}." for what, source in reference_rows(facts)]
    return [*lines, "", code_block(entry, "bibtex")]
