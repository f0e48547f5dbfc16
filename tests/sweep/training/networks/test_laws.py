"""What holds for every network: its parts, its heads, equal for equal seeds, kept and read back, seen by maps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torchvision import models

from balancing.components.axes import Head
from balancing.errors import UserError
from sweep.analysis.maps.randomisation import randomised
from sweep.training.network import new_model, restore, save_best
from sweep.training.networks import catalogue
from sweep.training.networks.drawing import own_draws
from sweep.training.networks.sizes import check_size, n_features, shapes_of, takes, weight_bytes

# Of most families the smallest, and the smallest images that each takes among ours.
SMALL = {
    "resnet34": 32,
    "densenet121": 32,
    "mobilenet_v3_small": 32,
    "mnasnet0_5": 32,
    "shufflenet_v2_x0_5": 32,
    "regnet_y_400mf": 32,
    "efficientnet_b0": 32,
    "efficientnet_lite0": 32,
    "convnext_tiny": 32,
    "swin_t": 64,
    "googlenet": 32,
    "alexnet": 64,
}
CPU = torch.device("cpu")
every = pytest.mark.parametrize("name", SMALL)


def images(name: str, n: int = 3) -> torch.Tensor:
    return torch.randn(n, 3, SMALL[name], SMALL[name], generator=torch.Generator().manual_seed(0))


def same(a: Any, b: Any) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def without_head(model: nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in model.state_dict().items() if not name.startswith("fc.")}


def test_all_classifiers_of_torchvision_are_known_and_no_others() -> None:
    theirs = {name for name in models.list_models(module=models) if not name.startswith("quantized_")}
    assert set(catalogue.NAMES) - {catalogue.EFFICIENTNET_LITE} == theirs - {"squeezenet1_0", "squeezenet1_1"}


@pytest.mark.parametrize("name", sorted(set(catalogue.NAMES) - {catalogue.EFFICIENTNET_LITE}))
def test_normalisation_is_that_of_the_published_weights(name: str) -> None:
    family = catalogue.family_of(name)
    theirs = models.get_model_weights(name)["DEFAULT"].transforms()
    if name in ("googlenet", "inception_v3"):  # their own pixels lie in -1..1: torchvision goes there from ImageNet's
        pixels = torch.rand(2, 3, 4, 4, generator=torch.Generator().manual_seed(0))
        given = (pixels - torch.tensor(theirs.mean)[:, None, None]) / torch.tensor(theirs.std)[:, None, None]
        network = models.get_model(name, weights=None, transform_input=True, aux_logits=False, init_weights=False)
        torch.testing.assert_close(network._transform_input(given), (pixels - 0.5) / 0.5)
        assert set(family.mean) | set(family.std) == {0.5}
    else:
        assert (family.mean, family.std) == (tuple(theirs.mean), tuple(theirs.std))


@every
def test_features_then_head_and_equal_for_equal_seeds(name: str) -> None:
    model, again, other = (new_model(3, seed, architecture=name).eval() for seed in (7, 7, 8))
    assert same(model.state_dict(), again.state_dict())
    assert not same(without_head(model), without_head(other))
    assert not torch.equal(model.fc.weight, other.fc.weight)
    with torch.inference_mode():
        features = model.features(images(name))
        assert features.shape == (3, n_features(name))
        assert features.dtype == torch.float32
        assert torch.equal(model.head(features), model(images(name)))
        assert model(images(name)).shape == (3, 3)


@pytest.mark.parametrize("name", sorted(set(SMALL) - {"efficientnet_lite0", "googlenet"}))
def test_it_computes_what_torchvisions_computes(name: str) -> None:
    model = new_model(4, 3, architecture=name).eval()
    theirs = models.get_model(name, weights=None, num_classes=4).eval()
    state = {key.removeprefix("body."): value for key, value in model.state_dict().items() if key.startswith("body.")}
    head = {f"{catalogue.family_of(name).head}.{part}": getattr(model.fc, part) for part in ("weight", "bias")}
    missing, unexpected = theirs.load_state_dict(_versioned(state | head, theirs), strict=False)
    assert (missing, unexpected) == ([], [])
    with torch.inference_mode():
        torch.testing.assert_close(model(images(name)), theirs(images(name)), rtol=1e-5, atol=1e-6)


def _versioned(state: dict[str, torch.Tensor], like: nn.Module) -> Any:
    given = like.state_dict()
    given.update(state)
    return given


@every
def test_the_head_trains_alone_and_the_body_stays_bit_for_bit(name: str) -> None:
    model = new_model(2, 0, architecture=name)
    model.train_parts("head")
    body, head = without_head(model), model.fc.weight.detach().clone()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, weight_decay=0.1)
    for _ in range(2):
        loss = nn.functional.cross_entropy(model(images(name)), torch.tensor([0, 1, 0]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert same(without_head(model), body)
    assert not torch.equal(model.fc.weight, head)
    model.train_parts("all")
    assert all(p.requires_grad for p in model.parameters())
    nn.functional.cross_entropy(model(images(name)), torch.tensor([0, 1, 0])).backward()
    assert all(p.grad is not None for p in model.parameters())


@every
def test_it_is_kept_and_read_back_whole(name: str, tmp_path: Path) -> None:
    model = new_model(3, 1, architecture=name)
    model.train()(images(name))  # moves the statistics
    save_best(tmp_path / "best.pt", model, class_names=["a", "b", "c"], epoch=1)
    found, facts = restore(tmp_path / "best.pt")
    assert facts["architecture"] == name
    assert same(found.state_dict(), model.state_dict())
    with torch.inference_mode():
        assert torch.equal(found(images(name)), model.eval()(images(name)))


@pytest.mark.parametrize("head", ["linear", "cosine", "scaled"])
@pytest.mark.parametrize("name", ["mobilenet_v3_small", "convnext_tiny", "efficientnet_lite0"])
def test_heads_of_every_kind_stand_behind_any_body(name: str, head: Head, tmp_path: Path) -> None:
    model = new_model(3, 1, head=head, architecture=name).eval()
    plain = new_model(3, 1, architecture=name)
    assert same(without_head(model), without_head(plain))
    save_best(tmp_path / "best.pt", model, class_names=["a", "b", "c"])
    found, _ = restore(tmp_path / "best.pt")
    with torch.inference_mode():
        logits = model(images(name))
        torch.testing.assert_close(found(images(name)), logits)
    assert logits.shape == (3, 3)
    assert head != "cosine" or float(logits.abs().max()) <= 1 + 1e-6


@pytest.mark.parametrize("name", ["resnet34", "densenet121", "shufflenet_v2_x0_5"])
def test_a_head_of_distances_leaves_no_bias_anywhere(name: str) -> None:
    model = new_model(2, 1, head="distance", architecture=name)
    model.train_parts("all")
    assert {key for key, p in model.named_parameters() if key.endswith("bias") and p.requires_grad} == set()
    assert model(torch.randn(2, 3, 32, 32)).shape == (2, 2)


@pytest.mark.parametrize(
    "name", ["convnext_tiny", "vgg11", "swin_t", "efficientnet_b0", "efficientnet_lite0", "vit_b_16"]
)
def test_a_head_of_distances_behind_biases_is_refused(name: str) -> None:
    with pytest.raises(UserError, match=f"one-class technique needs .* but {name} has such; take resnet18"):
        shapes_of(name, head="distance")


@every
def test_its_last_block_is_as_fine_as_it_says(name: str) -> None:
    model, seen = new_model(2, 0, architecture=name).eval(), []
    size = SMALL[name] * 2
    handle = model.get_submodule(model.last_block).register_forward_hook(lambda module, given, out: seen.append(out))
    with torch.inference_mode():
        model.features(torch.rand(1, 3, size, size))
    handle.remove()
    assert seen[0].ndim == 4
    assert seen[0].shape[2] == seen[0].shape[3] == -(-size // model.field_at(size))
    assert not model.get_submodule(model.last_block)._forward_hooks


@every
def test_random_weights_are_new_throughout_and_the_network_stays(name: str) -> None:
    model = new_model(2, 0, architecture=name).eval()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    fresh, again = randomised(model, 5), randomised(model, 5)
    assert same(model.state_dict(), before)
    assert same(fresh.state_dict(), again.state_dict())
    drawn = [key for key, value in before.items() if value.ndim > 1 and value.is_floating_point() and value.std() > 0]
    assert drawn
    assert [key for key in drawn if torch.equal(fresh.state_dict()[key], before[key])] == []


@pytest.mark.parametrize("name", ["mobilenet_v3_small", "convnext_tiny"])
def test_dropout_draws_by_seed_and_epoch_alone(name: str) -> None:
    model = new_model(2, 0, architecture=name).train()
    assert model.draws

    def passed(seed: int, epoch: int) -> torch.Tensor:
        with own_draws(model, seed, epoch, CPU), torch.no_grad():
            return model.features(images(name))

    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = passed(0, 1)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    assert torch.equal(passed(0, 1), first)
    assert not torch.equal(passed(0, 2), first)
    assert not torch.equal(passed(1, 1), first)


def test_a_network_that_draws_nothing_leaves_the_generator_to_others() -> None:
    model = new_model(2, 0)
    torch.manual_seed(1)
    expected = torch.rand(1)
    torch.manual_seed(1)
    with own_draws(model, 0, 1, CPU):
        assert torch.equal(torch.rand(1), expected)


@pytest.mark.parametrize("name", ["mobilenet_v3_small", "regnet_y_400mf", "swin_t", "densenet121"])
def test_shapes_without_weights_are_those_of_the_network(name: str) -> None:
    model = new_model(1, 0, architecture=name)
    shapes = shapes_of(name).state_dict()
    assert all(tensor.is_meta for tensor in shapes.values())
    assert {key: value.shape for key, value in model.state_dict().items()} == {k: v.shape for k, v in shapes.items()}
    body = sum(v.numel() * v.element_size() for k, v in model.state_dict().items() if not k.startswith("fc."))
    assert weight_bytes(name) == body


@pytest.mark.parametrize(
    ("name", "size", "said"),
    [
        ("vit_b_16", 96, "ViT b-16 takes images of 224 pixels a side alone, but these have 96; give --image-size 224"),
        ("inception_v3", 32, "Inception v3 needs images of at least 75 pixels a side, but these have 32"),
        ("alexnet", 32, "AlexNet needs images of at least 64 pixels a side, but these have 32"),
    ],
)
def test_images_that_a_network_cannot_look_at_are_refused(name: str, size: int, said: str) -> None:
    with pytest.raises(UserError, match=said):
        check_size(name, size)


@every
def test_sizes_that_it_takes_are_taken(name: str) -> None:
    assert takes(name, SMALL[name])
    check_size(name, SMALL[name])


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("resnet19", "no network 'resnet19'; did you mean 'resnet18'"),
        ("squeezenet1_0", "ends in a convolution"),
        ("q", "no network 'q'; give resnet18, another of torchvision's"),
    ],
)
def test_unknown_networks_are_refused(name: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        new_model(2, 0, architecture=name)


def test_the_small_stem_is_resnet18s_alone() -> None:
    with pytest.raises(UserError, match="stem 'small' is a beginning of ResNet18 alone, but the network is resnet34"):
        new_model(2, 0, stem="small", architecture="resnet34")


def test_a_transformer_shows_its_patches_where_the_image_has_them() -> None:
    from torchvision.models.vision_transformer import VisionTransformer

    from sweep.training.networks.torchvision import GridNorm

    torch.manual_seed(0)
    theirs = VisionTransformer(32, 8, 2, 2, 24, 48, num_classes=3).eval()
    pictures = torch.randn(2, 3, 32, 32)
    with torch.inference_mode():
        expected = theirs(pictures)
        last, seen = theirs.encoder.layers[-1], []
        last.ln_1.register_forward_hook(lambda module, given, out: seen.append(out))
        theirs(pictures)
        tokens = seen[0]
        last.ln_1 = GridNorm(last.ln_1)
        last.ln_1.grid.register_forward_hook(lambda module, given, out: seen.append(out))
        assert torch.equal(theirs(pictures), expected)
    assert seen[1].shape == (2, 24, 4, 4)
    assert torch.equal(seen[1][1, :, 2, 3], tokens[1, 1 + 2 * 4 + 3])
