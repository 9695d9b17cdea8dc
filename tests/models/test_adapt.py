"""What is read off a network of each library, and what is asked for where it says nothing."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import rsp_lab as rl
from rsp_lab.models.adapt import adapt
from rsp_lab.models.subject import Subject
from tests.kit.networks import noise_image

pytestmark = pytest.mark.usefixtures("one_thread", "unchecked_module")
IMAGE = noise_image((64, 96))


def shaken(network: nn.Module) -> nn.Module:
    draws = torch.Generator().manual_seed(7)
    for parameter in network.parameters():
        parameter.data += (0.3 if parameter.ndim == 1 else 0.05) * torch.randn(parameter.shape, generator=draws)
    return network.eval()


def mask_classifier(kind: str) -> nn.Module:
    """Mask2Former or MaskFormer on a small Swin, of five queries."""
    library: Any = pytest.importorskip("transformers", reason="transformers, of the extra foreign, is not installed")
    torch.manual_seed(0)
    stages = ["stage1", "stage2", "stage3", "stage4"]
    swin = library.SwinConfig(
        embed_dim=12, depths=[1, 1, 1, 1], num_heads=[2, 2, 4, 4], window_size=4, out_features=stages
    )
    if kind == "Mask2Former":
        sizes = dict.fromkeys(("feature_size", "mask_feature_size", "hidden_dim", "dim_feedforward"), 32)
        config = library.Mask2FormerConfig(
            backbone_config=swin,
            encoder_feedforward_dim=32,
            encoder_layers=1,
            decoder_layers=2,
            num_attention_heads=2,
            num_queries=5,
            num_labels=3,
            **sizes,
        )
        return shaken(library.Mask2FormerForUniversalSegmentation(config))
    layers = dict.fromkeys(("encoder_layers", "decoder_layers"), 1)
    heads = dict.fromkeys(("encoder_attention_heads", "decoder_attention_heads"), 2)
    widths = dict.fromkeys(("d_model", "decoder_ffn_dim", "encoder_ffn_dim"), 32)
    decoder = library.DetrConfig(num_queries=5, **layers, **heads, **widths)
    config = library.MaskFormerConfig(
        backbone_config=swin, decoder_config=decoder, fpn_feature_size=32, mask_feature_size=32, num_labels=3
    )
    return shaken(library.MaskFormerForInstanceSegmentation(config))


@pytest.mark.parametrize("kind", ["Mask2Former", "MaskFormer"])
def test_masks_of_queries_have_a_ledger(kind: str) -> None:
    network = mask_classifier(kind)
    subject = adapt(network)
    assert isinstance(subject, Subject)
    assert subject.class_names == tuple(f"query {number}" for number in range(5))
    assert len(subject.cut) == 4

    found = rl.check(subject, IMAGE)

    assert found.exact
    assert found.residuals["float64"] < 1e-12
    assert list(found.levels) == [2, 3, 4, 5]
    with torch.no_grad():
        expected = network(subject.normalised(IMAGE)).masks_queries_logits
    torch.testing.assert_close(subject(IMAGE), expected)
    ledger = rl.context_ledger(subject, IMAGE, rl.PixelTarget(30, 40, "query 2", "query 0"))
    assert ledger.total == pytest.approx(ledger.bias + sum(ledger.sums.values()), abs=1e-5)
    with pytest.raises(ValueError, match=r"class score of a .* is a sum over queries"):
        adapt(network, output="class_queries_logits")


def test_what_multiplies_two_branches_is_exact_once_one_is_held() -> None:
    smp: Any = pytest.importorskip("segmentation_models_pytorch", reason="smp, of the extra foreign, is not installed")
    torch.manual_seed(0)
    network = shaken(smp.PAN("resnet18", encoder_weights=None, classes=3))
    names, image = ("road", "car", "sky"), noise_image((128, 128))
    free = rl.check(adapt(network, class_names=names), image)
    assert not free.exact
    assert "hold=(module,)" in free.refused

    gates = ("decoder.fpa.mid", *(f"decoder.gau{number}.conv1" for number in (1, 2, 3)))
    held = adapt(network, class_names=names, hold=gates)
    assert isinstance(held, Subject)
    with torch.no_grad():
        torch.testing.assert_close(rl.freeze(held, image).logits, network(held.normalised(image)))
    assert rl.check(held, image).exact


def test_what_is_held_must_run() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 4, 4), nn.ReLU(), nn.Conv2d(4, 2, 1))
    network[0].idle = nn.Identity()  # type: ignore[assignment]
    network.eval()
    for name, message in (("other", "no module 'other'"), ("0.idle", r"0\.idle, which is to be held, is not reached")):
        subject = adapt(network, class_names=("a", "b"), cut=("0",), hold=(name,))
        with pytest.raises(rl.FrozenError, match=message):
            rl.freeze(subject, IMAGE)


class Net(nn.Module):
    """A network whose answer is its logits in a form of the caller's."""

    def __init__(self, form: Callable[[Tensor], Any] = lambda logits: logits) -> None:
        super().__init__()
        self.enc, self.head, self.form = nn.Sequential(nn.Conv2d(3, 4, 4, 4), nn.ReLU()), nn.Conv2d(4, 2, 1), form
        self.eval()

    def forward(self, x: Tensor) -> Any:
        return self.form(self.head(self.enc(x)))


@pytest.mark.parametrize(
    ("form", "output"),
    [
        (lambda logits: (logits, 0), 0),
        (lambda logits: [0, logits], -1),
        (lambda logits: {"out": logits}, "out"),
        (lambda logits: SimpleNamespace(out=logits), "out"),
    ],
)
def test_logits_are_read_where_output_says(form: Callable[[Tensor], Any], output: str | int) -> None:
    subject = adapt(Net(form), class_names=("a", "b"), cut="enc", output=output)
    assert subject(IMAGE).shape == (1, 2, 16, 24)
    assert rl.check(subject, IMAGE).exact


@pytest.mark.parametrize(
    ("form", "output", "got"),
    [
        (lambda logits: (logits, 0), None, "got tuple of 2: "),
        (lambda logits: (logits, 0), "0", "got tuple of 2 at output='0'"),
        (lambda logits: (logits,), 1, "got tuple of 1 at output=1"),
        (lambda logits: {"out": logits}, "logits", "got dict with the keys out at output='logits'"),
        (lambda logits: logits[0], None, r"got shape \(2, 16, 24\)"),
        (lambda logits: None, None, "got NoneType"),
    ],
)
def test_an_answer_without_logits(form: Callable[[Tensor], Any], output: str | int | None, got: str) -> None:
    subject = adapt(Net(form), class_names=("a", "b"), cut="enc", output=output)
    with pytest.raises(ValueError, match=f"must answer logits .*{got}.*output=0 in a tuple"):
        subject(IMAGE)


def test_a_subject_says_what_it_is_in_a_few_lines() -> None:
    lines = repr(adapt(Net(), class_names=("a", "b"), cut="enc", name="Mine")).splitlines()
    assert lines[0] == "Subject Mine, a Net"
    assert [line.split("  ")[1] for line in lines[1:]] == ["2 classes", "cut", "normalisation", "parameters"]
    assert lines[-1].endswith("206")


def test_one_module_needs_no_tuple() -> None:
    subject = adapt(Net(), class_names=("a", "b"), cut="enc", hold="head")
    assert isinstance(subject, Subject)
    assert (subject.cut, subject.hold) == (("enc",), ("head",))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"cut": (nn.ReLU(),)}, r"cut has ReLU, which is no path of a module: name modules as .* e\.g\. cut=\('enc"),
        ({"cut": nn.Sequential(nn.ReLU())}, "cut has Sequential, which"),
        ({"cut": "enc", "hold": 3}, "hold has 3, which is no path"),
        ({"cut": {"enc"}}, r"cut has \{'enc'\}"),
        ({"cut": "enc", "output": True}, "output is True: give a key or attribute"),
        ({"cut": "enc", "output": ("out",)}, r"output is \('out',\)"),
    ],
)
def test_what_names_no_module_and_no_part(words: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        adapt(Net(), class_names=("a", "b"), **words)


def small_segformer(library: Any) -> Any:
    return library.SegformerConfig(
        depths=[1] * 4, hidden_sizes=[8, 16, 16, 32], num_attention_heads=[1, 2, 2, 4], id2label={0: "road", 1: "car"}
    )


def test_a_class_derived_from_a_librarys_is_one_of_it() -> None:
    smp: Any = pytest.importorskip("segmentation_models_pytorch", reason="smp, of the extra foreign, is not installed")
    transformers: Any = pytest.importorskip("transformers", reason="transformers, of the extra foreign, is missing")

    class Pyramid(smp.FPN):
        pass

    class Plain(transformers.SegformerForSemanticSegmentation):
        pass

    class Enlarged(transformers.SegformerForSemanticSegmentation):
        def forward(self, x: Tensor) -> Tensor:
            return nn.functional.interpolate(super().forward(x).logits, x.shape[-2:])

    pyramids = [cls("resnet18", encoder_weights=None, classes=2).eval() for cls in (smp.FPN, Pyramid)]
    config = small_segformer(transformers)
    networks = [cls(config).eval() for cls in (transformers.SegformerForSemanticSegmentation, Plain, Enlarged)]
    fpn, pyramid = (adapt(network, class_names=("a", "b")) for network in pyramids)
    segformer, plain, enlarged = map(adapt, networks)

    assert (
        (pyramid.cut, pyramid.multiple) == (fpn.cut, fpn.multiple) == (tuple(f"encoder[{i}]" for i in range(1, 6)), 32)
    )
    for subject in (segformer, plain, enlarged):
        assert subject.class_names == ("road", "car")
        assert subject.cut == tuple(f"segformer.stages.{stage}" for stage in range(4))
    assert [tuple(one(IMAGE).shape[-2:]) for one in (segformer, plain, enlarged)] == [(16, 24), (16, 24), (64, 96)]
    assert pyramid(noise_image((33, 40))).shape[-2:] == (33, 40)


def test_answers_of_smp_that_are_no_single_tensor_are_known() -> None:
    """A classifier beside the decoder, and the transformer of DPT with its class token."""
    smp: Any = pytest.importorskip("segmentation_models_pytorch", reason="smp, of the extra foreign, is not installed")
    torch.manual_seed(0)
    beside = smp.FPN("resnet18", encoder_weights=None, classes=2, aux_params={"classes": 4})
    transformer = smp.DPT("tu-vit_tiny_patch16_224", encoder_weights=None, classes=2, dynamic_img_size=True)
    image = noise_image((40, 70))
    for network in (beside, transformer):
        subject = adapt(network.eval(), class_names=("a", "b"))
        assert subject.padded_size((40, 70)) == (64, 96)
        ledger = rl.context_ledger(subject, image, rl.PixelTarget(30, 50))
        assert ledger.residual < 1e-5
        with torch.no_grad():
            answer = network(subject.normalised(image))
        expected = (answer[0] if isinstance(answer, tuple) else answer)[..., :40, :70]
        torch.testing.assert_close(subject(image), expected)


def test_networks_for_other_tasks_and_parts_of_networks_ask_for_their_cut() -> None:
    from torchvision.models import resnet18

    smp: Any = pytest.importorskip("segmentation_models_pytorch", reason="smp, of the extra foreign, is not installed")
    parts = [resnet18(num_classes=2), smp.encoders.get_encoder("resnet18", weights=None)]
    transformers: Any = pytest.importorskip("transformers", reason="transformers, of the extra foreign, is missing")
    whole = transformers.SegformerForSemanticSegmentation(small_segformer(transformers))
    decoder = next(
        m for name, m in mask_classifier("Mask2Former").named_modules() if name.endswith("pixel_level_module")
    )
    parts += [whole.decode_head, whole.decode_head.linear_fuse, decoder]
    for part in parts:
        with pytest.raises(ValueError, match="give cut, paths of modules"):
            adapt(part.eval(), class_names=("a", "b"))


def test_what_would_change_nothing_of_a_subject_or_a_model_of_ours_is_refused() -> None:
    subject = adapt(nn.Conv2d(3, 2, 1), class_names=("a", "b"), cut=("",))
    model = rl.load("scenes-rsp4-tiny")
    assert adapt(subject) is subject
    assert adapt(model) is model
    with pytest.raises(
        ValueError, match=r"so class_names, cut would change nothing: adapt its network, subject\.network"
    ):
        adapt(subject, class_names=("c", "d"), cut="x")
    with pytest.raises(ValueError, match=r"scenes-rsp4-tiny says all this itself, so mean, std .* leave it out"):
        adapt(model, mean=(0, 0, 0), std=(1, 1, 1))


def test_libraries_say_what_they_know_and_the_rest_is_asked() -> None:
    with pytest.raises(ValueError, match="does not name its classes"):
        adapt(nn.Conv2d(3, 2, 1))
    with pytest.raises(ValueError, match="give cut"):
        adapt(nn.Conv2d(3, 2, 1), class_names=("a", "b"))
    with pytest.raises(ValueError, match="mean and std together"):
        adapt(nn.Conv2d(3, 2, 1), class_names=("a", "b"), cut=("",), mean=(0, 0, 0))
    with pytest.raises(ValueError, match=r"must be a torch\.nn\.Module"):
        adapt(3)  # type: ignore[arg-type]
