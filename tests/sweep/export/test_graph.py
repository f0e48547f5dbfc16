"""The graph answers what the networks answer, whatever they are made of, from pictures of any size."""

from __future__ import annotations

import io
import json
import warnings
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from PIL import Image

from balancing.data.pixels.decoding import Manner, decode
from balancing.errors import UserError
from sweep.export.answers import outputs_of
from sweep.export.check import TOLERANCE, said, session_of
from sweep.export.graph import LAST_OPSET, check_opset, onnx_model
from sweep.export.pixels import FIRST_OPSET, pixels_text
from sweep.inference.deployed import Calibration, Deployed
from sweep.inference.rule import most_probable
from tests.sweep.export.networks import heads, made, vector_rule, whole

CASES = {
    "cosine head, three classes, vector scaling": lambda: made(
        [whole("resnet18", 3, "cosine")],
        n_classes=3,
        rule=vector_rule(3),
        calibration=Calibration(0.6, of_rule=True),
        mean=(0.485, 0.456, 0.406),
        std=(0.229, 0.224, 0.225),
    ),
    "class scales": lambda: made([whole("resnet18", 2, "scaled")]),
    "one class, scores": lambda: made(
        [whole("resnet18", 2, "distance")], network_gives="scores", gives="scores", rule=None, calibration=None
    ),
    "scores with a decision": lambda: made(
        [whole("resnet18", 2)], network_gives="scores", gives="decisions", rule=most_probable(2, 1), calibration=None
    ),
    "three heads behind one body, a hidden layer": lambda: made(heads("efficientnet_lite0", 3, hidden=8), size=40),
    "two whole networks": lambda: made([whole("resnet18", seed=0), whole("resnet18", seed=1)]),
}
TWO_SIDES = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)


@pytest.fixture(scope="module", params=CASES)
def case(request: pytest.FixtureRequest) -> tuple[Deployed, bytes]:
    deployed = CASES[request.param]()
    return deployed, onnx_model(deployed, "0123456789ab").SerializeToString()


@pytest.mark.parametrize("n", [1, 3])
@pytest.mark.parametrize("channels", [1, 3])
def test_the_graph_answers_as_pytorch_does(case: tuple[Deployed, bytes], n: int, channels: int) -> None:
    deployed, content = case
    size = deployed.image_size
    pixels = np.random.default_rng(n).integers(0, 256, (n, size, size, channels), dtype=np.uint8)
    answers = deployed.answers(deployed.logits(pixels if channels == 3 else pixels[..., 0]))
    found = said(session_of(content), pixels)
    assert list(found) == outputs_of(deployed)
    assert found[outputs_of(deployed)[-1]] == pytest.approx(answers.logits, abs=TOLERANCE, rel=TOLERANCE)
    for name, exact in (("probabilities", answers.probabilities), ("calibrated_probabilities", answers.calibrated)):
        assert (name in found) == (exact is not None)
        if exact is not None:
            assert found[name] == pytest.approx(exact, abs=1e-6)
            assert found[name].sum(axis=1) == pytest.approx(1, abs=1e-6)
    assert ("decision" in found) == (answers.decisions is not None)
    if answers.decisions is not None:
        assert (found["decision"] == answers.decisions).all()


def test_the_file_says_what_it_is(case: tuple[Deployed, bytes]) -> None:
    deployed, content = case
    model = onnx.load_from_string(content)
    told = {entry.key: entry.value for entry in model.metadata_props}
    assert json.loads(told["class_names"]) == list(deployed.class_names)
    assert told["positive_class"] == ("" if deployed.positive is None else "b")
    assert (told["technique"], told["run_id"]) == ("baseline", "0123456789ab")
    assert "not for diagnosis" in told["note"]
    (given,) = model.graph.input
    dims = [dim.dim_param for dim in given.type.tensor_type.shape.dim]
    assert (given.name, dims) == ("images", ["batch", "height", "width", "channels"])
    assert all(out.type.tensor_type.shape.dim[0].dim_param == "batch" for out in model.graph.output)


def test_the_file_tells_nothing_of_the_machine_that_wrote_it(case: tuple[Deployed, bytes]) -> None:
    _, content = case
    for folder in (Path(__file__).parents[3], Path(torch.__file__).parents[1]):
        assert str(folder).encode() not in content
    assert b"stack_trace" not in content


def _pixels_session(manner: Manner):  # type: ignore[no-untyped-def]
    model = onnx.parser.parse_model(pixels_text(manner, 0.0, 1.0, FIRST_OPSET, 10))
    onnx.checker.check_model(model, full_check=True)
    return session_of(model.SerializeToString())


def _png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize("resize", ["squash", "pad", "crop"])
@pytest.mark.parametrize("shape", [(90, 131), (131, 90), (40, 40), (32, 32), (400, 3), (33, 64)])
def test_a_picture_of_any_size_becomes_the_pixels_of_the_decoder(resize: str, shape: tuple[int, int]) -> None:
    manner = Manner(32, resize=resize)
    picture = np.random.default_rng(1).integers(0, 256, (*shape, 3), dtype=np.uint8)
    decoded = decode(_png(picture), manner)
    assert not isinstance(decoded, str)
    (found,) = _pixels_session(manner).run(None, {"images": picture[None]})
    assert found.shape == (1, 3, 32, 32)
    apart = np.abs(np.rint(255 * found[0].transpose(1, 2, 0)) - decoded.pixels.astype(float))
    assert apart.max() <= 1  # a grey level, where Pillow rounds otherwise: seldom, unless a side grows
    assert apart.mean() < (0.3 if min(shape) < 32 else 0.01)
    assert shape != (32, 32) or apart.max() == 0


@pytest.mark.parametrize("opset", [FIRST_OPSET - 1, LAST_OPSET + 1])
def test_an_opset_without_the_filter_or_beyond_the_exporter_is_refused(opset: int) -> None:
    with pytest.raises(UserError, match=f"18 to {LAST_OPSET}.*but is {opset}"):
        check_opset(opset)


def test_the_newest_opset_is_written_and_answers_the_same() -> None:
    deployed = made([whole("resnet18")])
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # the exporter's own are not its caller's
        content = onnx_model(deployed, "run", LAST_OPSET).SerializeToString()
    assert onnx.load_from_string(content).opset_import[0].version == LAST_OPSET
    answers = deployed.answers(deployed.logits(TWO_SIDES))
    assert said(session_of(content), TWO_SIDES)["probabilities"] == pytest.approx(answers.probabilities, abs=1e-6)
