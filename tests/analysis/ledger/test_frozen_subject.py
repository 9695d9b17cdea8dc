"""Ledgers of networks of other libraries: exact, checked, or refused by the name of the operation."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import rsp_lab as rl
from rsp_lab.analysis.attribution.attribute import attribute
from rsp_lab.analysis.ledger.change import change_ledger
from rsp_lab.analysis.ledger.difference import ledger_difference
from rsp_lab.analysis.ledger.freeze import freeze
from rsp_lab.analysis.ledger.frozen_subject import FrozenSubject
from rsp_lab.analysis.ledger.ledger import context_ledger
from rsp_lab.analysis.ledger.levels import level_ledger
from rsp_lab.analysis.ledger.subject_check import check
from rsp_lab.analysis.ledger.zones import zone_contributions
from rsp_lab.analysis.passes.captured import capture_pass
from rsp_lab.analysis.targets.target import PixelTarget, RegionTarget, target_value
from rsp_lab.analysis.trade.matrix import TOTAL
from rsp_lab.data.sample import Sample
from rsp_lab.frozen.rules import FrozenError
from rsp_lab.models import presets
from rsp_lab.models.adapt import adapt
from rsp_lab.models.segmenter import Segmenter
from rsp_lab.models.subject import Subject
from tests.kit.networks import network

pytestmark = pytest.mark.usefixtures("one_thread", "unchecked_module")
NAMES = ("road", "car", "sky")
SIZE = (64, 96)
TARGET = PixelTarget(20, 50)


def shaken(model: nn.Module) -> nn.Module:
    """With biases and norms of their own: at the start of training many are 0, and much would hold trivially."""
    torch.manual_seed(1)
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.running_mean.normal_(0, 0.1)  # type: ignore[union-attr, operator]
                module.running_var.uniform_(0.5, 1.5)  # type: ignore[union-attr, operator]
        for parameter in model.parameters():
            if parameter.ndim <= 1:
                parameter += 0.1 * torch.randn_like(parameter)
    return model.eval()


def image(seed: int = 0, size: tuple[int, int] = SIZE) -> Tensor:
    return torch.rand(3, *size, generator=torch.Generator().manual_seed(seed))


class Home(nn.Module):
    """A network of nobody's library."""

    def __init__(self) -> None:
        super().__init__()
        self.low = nn.Sequential(nn.Conv2d(3, 8, 3, 4, 1), nn.BatchNorm2d(8), nn.ReLU(inplace=True))
        self.high = nn.Sequential(nn.Conv2d(8, 12, 3, 2, 1), nn.GELU())
        self.last = nn.Conv2d(20, 3, 1)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        low = self.low(x)
        high = nn.functional.interpolate(self.high(low), scale_factor=2, mode="bilinear")
        return {"scores": self.last(torch.cat([low, torch.sigmoid(high.mean((2, 3), True)) * high], 1))}


def home(**words: Any) -> Subject:
    torch.manual_seed(0)
    found = adapt(shaken(Home()), class_names=NAMES, cut=("low", "high"), output="scores", **words)
    assert isinstance(found, Subject)
    return found


def smp(name: str, **words: Any) -> Subject:
    library = pytest.importorskip("segmentation_models_pytorch", reason="the extra foreign is not installed")
    torch.manual_seed(0)
    model = getattr(library, name)("resnet18", encoder_weights=None, classes=3, **words)
    found = adapt(shaken(model), class_names=NAMES)
    assert isinstance(found, Subject)
    return found


def hugging_face(kind: str, attention: str = "sdpa") -> Subject:
    library = pytest.importorskip("transformers", reason="the extra foreign is not installed")
    torch.manual_seed(0)
    if kind == "segformer":
        config = library.SegformerConfig(
            hidden_sizes=[8, 16, 24, 32], depths=[1, 1, 1, 1], decoder_hidden_size=16, id2label=dict(enumerate(NAMES))
        )
        model = library.SegformerForSemanticSegmentation._from_config(config, attn_implementation=attention)
    else:
        stages = ["stage1", "stage2", "stage3", "stage4"]
        swin = library.SwinConfig(
            embed_dim=12, depths=[1, 1, 2, 1], num_heads=[1, 2, 2, 2], window_size=4, image_size=64, out_features=stages
        )
        config = library.UperNetConfig(
            backbone_config=swin, hidden_size=16, use_auxiliary_head=False, id2label=dict(enumerate(NAMES))
        )
        model = library.UperNetForSemanticSegmentation(config)
    found = adapt(shaken(model))
    assert isinstance(found, Subject)
    return found


def torchvision(name: str) -> Subject:
    from torchvision.models import segmentation

    torch.manual_seed(0)
    model = getattr(segmentation, name)(weights=None, weights_backbone=None, num_classes=3)
    found = adapt(shaken(model), class_names=NAMES)
    assert isinstance(found, Subject)
    return found


SUBJECTS = {
    "home": home,
    **{
        f"smp {name}": lambda name=name: smp(name)
        for name in (
            "FPN",
            "UPerNet",
            "Segformer",
            "DeepLabV3",
            "DeepLabV3Plus",
            "Unet",
            "UnetPlusPlus",
            "PSPNet",
            "MAnet",
            "Linknet",
        )
    },
    "SegFormer": lambda: hugging_face("segformer"),
    "SegFormer, eager": lambda: hugging_face("segformer", "eager"),
    "UPerNet on Swin": lambda: hugging_face("upernet"),
    "LRASPP": lambda: torchvision("lraspp_mobilenet_v3_large"),
    "DeepLabV3 of torchvision": lambda: torchvision("deeplabv3_mobilenet_v3_large"),
}


@pytest.mark.parametrize("name", SUBJECTS)
def test_its_ledgers_add_up(name: str) -> None:
    subject = SUBJECTS[name]().double()
    frozen = freeze(subject, image())

    ledger = context_ledger(frozen, image(), TARGET)
    levels = level_ledger(frozen, image())

    with torch.no_grad():
        live = subject(image())
    assert torch.equal(frozen.logits, live)
    assert ledger.residual < 1e-13
    assert levels.residual < 1e-13
    assert ledger.total == pytest.approx(target_value(live[0], ledger.target, SIZE, NAMES), abs=1e-12)
    assert ledger.levels == levels.levels == frozen.levels
    change = change_ledger(subject, image(), image(1), ledger.target)
    assert change.residual < 1e-13
    assert set(change.looking) == {"gates"}


def test_live_answers_and_maps_of_other_images_are_the_networks_own() -> None:
    subject = home().double()
    frozen, other = freeze(subject, image()), image(1)[None].double()
    with torch.no_grad():
        answers = [subject(one) for one in (image(), other)]
        maps = frozen.maps_of(other)
        both = frozen.live({x: torch.cat([q, maps[x]]) for x, q in frozen.q.items()})
    assert torch.allclose(both, torch.cat(answers), atol=1e-12)
    assert float((frozen.forward(maps) - answers[1]).abs().max()) > 1e-6


@pytest.mark.parametrize("size", [(33, 33), (67, 131), (36, 71), (64, 96)], ids=str)
def test_levels_are_those_of_the_strides_where_sides_do_not_divide(size: tuple[int, int]) -> None:
    """3 rows of 67 pixels are 22 to a cell, nearer to a stride of 16 than to the 32 that they have."""
    torch.manual_seed(0)
    stages = [nn.Sequential(nn.Conv2d(3 if x == 1 else 4, 4, 3, 2, 1), nn.ReLU()) for x in range(1, 6)]
    network = nn.Sequential(*stages, nn.Conv2d(4, 3, 1)).eval()

    for level in range(1, 6):
        subject = rl.adapt(network, class_names=("a", "b", "c"), cut=(str(level - 1),))
        assert rl.freeze(subject, torch.rand(3, *size)).levels == (level,)


def test_a_network_that_fails_on_an_image_is_named() -> None:
    subject = home()
    with pytest.raises(ValueError, match=r"Home fails on an image of 5 x 9 pixels: RuntimeError: .*Take one of a size"):
        freeze(subject, torch.rand(3, 5, 9))


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (KeyError("weights.pt"), r"^the network's own forward failed, that of Own: KeyError: 'weights\.pt'\. Mend it"),
        (RuntimeError("out of memory"), r"own forward failed, .*RuntimeError: out of memory\. Mend"),
        (AssertionError("Input height (96) doesn't match model (224)."), r"\(224\)\. Take one of a size that it is"),
    ],
)
def test_only_what_speaks_of_sizes_is_put_down_to_the_image(error: Exception, says: str) -> None:
    class Own(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Conv2d(3, 3, 1)

        def forward(self, x: Tensor) -> Tensor:
            raise error

    with pytest.raises(ValueError, match=says):
        freeze(rl.adapt(Own().eval(), class_names=NAMES, cut="layer"), image())


def test_a_network_that_draws_numbers_is_told_so() -> None:
    class Noisy(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Conv2d(3, 3, 4, 4)

        def forward(self, x: Tensor) -> Tensor:
            y = self.layer(x)
            return y + torch.randn_like(y)

    subject = rl.adapt(Noisy().eval(), class_names=NAMES, cut="layer")
    with pytest.raises(
        rl.FrozenError, match=r"two passes on the same image differ .* draws numbers, as dropout or noise"
    ):
        context_ledger(subject, image(), TARGET)
    assert "draws numbers" in rl.check(subject, image()).refused


@pytest.mark.parametrize("name", ["FPN", "DeepLabV3Plus"])
def test_an_image_of_another_size_is_padded_and_the_padding_held(name: str) -> None:
    """As a network sees it that is given the padded image, but for the cells that lie in the padding alone."""
    subject, picture = smp(name), image(size=(50, 70))
    y, x = subject.padded_size((50, 70))
    grey = subject.mean[0].expand(3, y, x).clone()
    grey[:, :50, :70] = picture
    small, whole = freeze(subject, picture), freeze(subject, grey)

    assert small.strides == whole.strides
    assert small.logits.shape[-2:] == (50, 70)
    torch.testing.assert_close(small.logits, whole.logits[..., :50, :70])
    target = PixelTarget(49, 69, "road", "car")
    inside, all_of_it = context_ledger(small, picture, target), context_ledger(whole, grey, target)
    assert inside.total == pytest.approx(all_of_it.total, abs=1e-5)
    left_out = 0.0
    for level, values in inside.maps.items():
        stride = small.strides[level]
        rows, columns = -(-50 // stride), -(-70 // stride)
        assert values.shape == (rows, columns)
        torch.testing.assert_close(values, all_of_it.maps[level][:rows, :columns], rtol=1e-4, atol=1e-5)
        left_out += float(all_of_it.maps[level].sum() - all_of_it.maps[level][:rows, :columns].sum())
    assert abs(left_out) > 1e-4
    assert inside.bias == pytest.approx(all_of_it.bias + left_out, abs=1e-4)
    assert level_ledger(small, picture).residual < 1e-4


def test_contributions_are_linear_parts_of_the_answer() -> None:
    """Each level by brute force: the frozen answer with that level alone, over the bias."""
    frozen = freeze(home().double(), image())
    target = frozen.resolved(TARGET)
    ledger = context_ledger(frozen, image(), target)
    nothing = {x: torch.zeros_like(q) for x, q in frozen.q.items()}
    for level, total in ledger.sums.items():
        alone = frozen.forward({**nothing, level: frozen.q[level]}) - frozen.bias_map
        assert total == pytest.approx(target_value(alone[0], target, SIZE, NAMES), abs=1e-12)


def test_a_change_is_content_and_gates_in_both_orders() -> None:
    subject, one, other = home().double(), image(), image(1)
    first, second = (freeze(subject, picture) for picture in (one, other))
    target = first.resolved(TARGET)
    found = change_ledger(subject, one, other, target)

    def value(gates: FrozenSubject, maps: FrozenSubject) -> float:
        return target_value(gates.forward(maps.q)[0], target, SIZE, NAMES)

    gates = 0.5 * (value(second, first) - value(first, first) + value(second, second) - value(first, second))
    assert found.looking["gates"] == pytest.approx(gates, abs=1e-12)
    assert found.total == pytest.approx(value(second, second) - value(first, first), abs=1e-12)


def test_two_libraries_are_set_against_each_other() -> None:
    ours = network(presets.rsp4(), names=NAMES, dtype=torch.float32)
    theirs = home()
    target = RegionTarget(torch.ones(SIZE, dtype=torch.bool), "car", "road")
    both = context_ledger(theirs, image(), target), context_ledger(ours, image(), target)
    difference = ledger_difference(*both)
    levels = sum(difference.sums.values())
    assert levels + difference.bias == pytest.approx(both[0].total - both[1].total, abs=1e-5)


def test_zones_are_the_ledgers_of_their_targets() -> None:
    frozen = freeze(home().double(), image())
    places = torch.rand(2, *frozen.logits.shape[-2:], dtype=torch.float64)
    directions = torch.tensor([[1.0, -1.0, 0.0], [0.0, 0.5, -0.5]], dtype=torch.float64)
    found = zone_contributions(frozen, places, directions)

    for number in range(2):
        weights = directions[number][None, :, None, None] * places[number]
        for level, gradient in frozen.pulled_back(weights).items():
            assert torch.allclose(found.maps[level][number], (gradient * frozen.q[level]).sum((0, 1)), atol=1e-12)
        assert float(found.total[number]) == pytest.approx(float((weights * frozen.logits).sum()), abs=1e-12)
    assert found.residual < 1e-13


def test_classes_of_two_libraries_trade() -> None:
    """A trade matrix of a network of nobody's library beside one of ours."""
    subject, ours = home(), network(presets.rsp4(), names=NAMES, dtype=torch.float32)
    labels = torch.zeros(SIZE, dtype=torch.uint8)
    labels[:, 40:] = 1
    samples = [Sample(str(n), (255 * image(n)).to(torch.uint8), labels) for n in range(3)]
    found = rl.trade_matrix(subject, ours, samples)

    assert found.levels == (2, 3, 4, 5, 6, 7)
    region = RegionTarget(labels == 1, "car", plain_logit=True)
    others = [RegionTarget(labels == 1, name, plain_logit=True) for name in NAMES]
    means = []
    for sample in samples:
        frozen = freeze(subject, sample.image)
        value, *every = (target_value(frozen.logits[0], one, SIZE, NAMES) for one in (region, *others))
        means.append(value - sum(every) / len(NAMES))
    (row,) = (row for row in found.rows() if (row["side"], row["target"], row["source"]) == ("left", "car", TOTAL))
    assert row["mean"] == pytest.approx(sum(means) / len(means), abs=1e-5)


def test_attribution_takes_the_normalisation_in() -> None:
    subject = home(mean=(0.2, 0.3, 0.4), std=(0.5, 0.6, 0.7)).double()
    found = attribute(subject, image(), TARGET, "integrated_gradients", reference="black")
    with torch.no_grad():
        black = subject(torch.zeros(1, 3, *SIZE, dtype=torch.float64))
    assert found.reference_value == pytest.approx(target_value(black[0], found.target, SIZE, NAMES))
    assert found.residual is not None
    assert found.residual < 0.05


def test_check_says_what_holds() -> None:
    subject = home()
    before = {name: value.clone() for name, value in subject.state_dict(keep_vars=True).items()}
    found = check(subject, image())

    assert found.exact
    assert not found.refused
    assert found.residuals["float32"] < 1e-5
    assert found.residuals["float64"] < 1e-13
    assert found.levels == {2: 4, 3: 8}
    assert found.gates == {"ReLU": 1, "GELU": 1, "sigmoid": 1}
    assert 0 < found.bias_share < 1
    assert found.flips[2] == 0  # its ReLU lies before the cut
    assert found.normalisation == "ImageNet's, assumed: the network does not say"
    assert all(torch.equal(value, before[name]) for name, value in subject.state_dict(keep_vars=True).items())
    assert {p.dtype for p in subject.parameters()} == {torch.float32}
    with pytest.raises(ValueError, match="exact by its structure"):
        check(network(presets.rsp2()), image())  # type: ignore[arg-type]


def test_check_leaves_tensors_of_any_precision_as_they_are() -> None:
    network = Home()
    network.register_buffer("table", torch.rand(8, dtype=torch.float64))
    network.register_buffer("short", torch.rand(8).half())
    next(network.parameters()).grad = torch.ones_like(next(network.parameters()))
    gradient = next(network.parameters()).grad

    def tensors() -> list[tuple[int, torch.dtype, int]]:
        return [(id(one), one.dtype, one.data_ptr()) for one in (*network.parameters(), *network.buffers(), gradient)]

    before = tensors()
    check(adapt(network.eval(), class_names=NAMES, cut=("low", "high"), output="scores"), image())

    assert tensors() == before
    assert next(network.parameters()).grad is gradient


@pytest.mark.usefixtures("unchecked")
def test_check_says_what_it_wants() -> None:
    subject = home()
    for given, says in ((subject.network, "a Home"), (freeze(subject, image()), "a FrozenSubject")):
        with pytest.raises(ValueError, match=rf"got {says} to check: pass a network as rl\.adapt"):
            check(given, image())  # type: ignore[arg-type]


class Patches(nn.Module):
    """Cells of one size, the last of a row or column cut off."""

    def __init__(self, side: int) -> None:
        super().__init__()
        self.cells, self.classes = nn.Conv2d(3, 4, side, side), nn.Conv2d(4, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        side = self.cells.kernel_size[0]
        padded = nn.functional.pad(x, (0, -x.shape[-1] % side, 0, -x.shape[-2] % side))
        return self.classes(self.cells(padded).relu())


@pytest.mark.parametrize("size", [(1, 300), (300, 2), (3, 700), (64, 96)])
@pytest.mark.parametrize(("side", "level"), [(4, 2), (8, 3), (14, 4), (16, 4), (32, 5)])
def test_levels_of_thin_images(side: int, level: int, size: tuple[int, int]) -> None:
    subject = adapt(Patches(side).eval(), class_names=NAMES, cut=("cells",))
    assert freeze(subject, image(size=size)).strides == {level: side}
    assert capture_pass(subject, image(size=size)).record.stride("logits") == side


def test_a_head_without_steps_on_a_thin_image() -> None:
    model = network(presets.semantic_fpn())
    assert context_ledger(model, image(size=(1, 300)), PixelTarget(0, 299)).strides == {2: 4, 3: 8, 4: 16, 5: 32}


def test_a_product_of_live_branches_is_refused_by_name() -> None:
    subject = smp("PAN")
    picture = image(size=(128, 128))
    found = check(subject, picture)
    assert not found.exact
    assert "torch.mul in decoder.fpa (FPABlock)" in found.refused
    for ask in (lambda: context_ledger(subject, picture, TARGET), lambda: level_ledger(subject, picture)):
        with pytest.raises(FrozenError, match=r"no ledger of PAN adds up.*decoder\.fpa.*hold one of them"):
            ask()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ({"cut": ("low",)}, "does not name its classes"),
        ({"class_names": NAMES}, "in which tensors.*give cut"),
        ({"class_names": NAMES, "cut": ("low",), "mean": (0, 0, 0)}, "mean and std together"),
    ],
)
def test_what_a_library_does_not_say_is_asked(words: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        adapt(Home(), **words)


def test_what_does_not_fit_is_said() -> None:
    with pytest.raises(ValueError, match="logits with the axes b class y x for 2 classes"):
        freeze(adapt(Home().eval(), class_names=("a", "b"), cut=("low",), output="scores"), image())
    with pytest.raises(FrozenError, match="no module 'lower'"):
        freeze(adapt(Home().eval(), class_names=NAMES, cut=("lower",), output="scores"), image())
    with pytest.raises(ValueError, match="in training mode"):
        freeze(adapt(Home().train(), class_names=NAMES, cut=("low",), output="scores"), image())
    with pytest.raises(ValueError, match=r"a network must be a torch\.nn\.Module"):
        adapt("resnet")  # type: ignore[arg-type]


def test_ours_and_subjects_are_left_as_they_are() -> None:
    ours = network(presets.rsp2())
    assert isinstance(ours, Segmenter)
    assert adapt(ours) is ours
    subject = home()
    assert adapt(subject) is subject


def test_the_network_is_left_as_it_was() -> None:
    subject = hugging_face("segformer")
    state, attention = copy.deepcopy(subject.network.state_dict()), subject.network.config._attn_implementation
    with torch.no_grad():
        subject(image())  # the library hangs hooks of its own on the first pass
    hooks = [dict(module._forward_hooks) for module in subject.network.modules()]
    context_ledger(subject, image(), TARGET)
    assert subject.network.config._attn_implementation == attention == "sdpa"
    assert all(torch.equal(value, state[name]) for name, value in subject.network.state_dict().items())
    assert [dict(module._forward_hooks) for module in subject.network.modules()] == hooks


@pytest.mark.parametrize(
    "ask",
    [
        lambda subject: rl.selection_gain(subject, image(), TARGET),
        lambda subject: rl.relation_grids(subject, image(), (1, 2)),
        lambda subject: rl.gaze_steps(subject, image()),
        lambda subject: rl.rejection_map(subject, image(), TARGET),
        lambda subject: rl.figures.draw_figure(subject, image(), "key_query", TARGET),
    ],
)
def test_what_does_not_apply_is_refused_in_words(ask: Callable[[Any], object]) -> None:
    with pytest.raises(ValueError, match=r"needs a|has no relation|no relation step"):
        ask(home())
