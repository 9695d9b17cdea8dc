"""The page of surgery without a browser, and what it keeps against operations run on the model itself."""

from __future__ import annotations

from dataclasses import replace
from functools import cache as once
from pathlib import Path
from threading import Lock

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from streamlit.testing.v1 import AppTest

from app.app_pages.surgery import edits
from app.app_pages.surgery.charts import _edged, legend
from app.app_pages.surgery.page import _changed_first
from app.shell.scenes import region_pixel
from app.shell.text import as_read
from app.store import models
from app.store.private_models import private_copy
from rsp_lab.analysis.metrics import mean_iou
from rsp_lab.analysis.passes.captured import CapturedPass, capture_pass
from rsp_lab.analysis.surgery.account import run_surgery
from rsp_lab.analysis.surgery.knock_out import knock_out_levels
from rsp_lab.analysis.surgery.operate import SurgeryResult, edited_weights, operate, predicted_change
from rsp_lab.analysis.surgery.operation import Operation
from rsp_lab.analysis.surgery.operations import Centre, Shuffle, Temperature, Uniform, ZeroKeys, ZeroNeighbours
from rsp_lab.analysis.targets.regions import connected_region
from rsp_lab.analysis.targets.target import PixelTarget
from rsp_lab.data.labels import CITYSCAPES
from rsp_lab.data.scenes.dataset import FIRST_SEED
from rsp_lab.models.load_any import load_any
from rsp_lab.models.pyramid import FeaturePyramid
from rsp_lab.models.segmenter import Segmenter
from rsp_lab.models.subject import Subject
from rsp_lab.models.weights import load, shipped
from rsp_lab.shapes import level_name
from rsp_lab.text import aligned
from tests.kit.pages import run, tables


def photograph() -> models.Photograph:
    """What the workbench opens with."""
    return models.cached_pair("person-rider", FIRST_SEED["test"], None)[0]


@once
def looked() -> CapturedPass:
    """The right model's pass on it."""
    return capture_pass(load(str(shipped()["scenes-rsp4"])), photograph().sample.image[None].float() / 255)


def directly(operation: Operation, target: PixelTarget | None = None) -> SurgeryResult:
    return operate(looked().model, looked().image, operation, target=target, label=photograph().sample.label)


def target_of(page: AppTest) -> PixelTarget:
    """What the page's table of logits is about."""
    names = list(tables(page)[0].index)
    y, x = (int(page.number_input(key=f"typed_{axis}").value) for axis in "yx")
    return PixelTarget(y, x, names[0], names[1])


def expected_words(result: SurgeryResult) -> list[str]:
    changed = f"{100 * float(result.changed.double().mean()):.3g} % of the labels change"
    return [changed, goes(result)]


def goes(result: SurgeryResult) -> str:
    before, after = aligned((result.before.target_value, result.after.target_value), sign=True)
    return f"goes from {before} to {after} logits"


@pytest.mark.parametrize("operation", [Centre(), Temperature(0.5, steps="step54"), Uniform(where=(100, 300))])
def test_a_head_on_captured_maps_answers_as_the_model_itself(operation: Operation) -> None:
    frozen = looked().frozen
    head = replace(frozen, head=private_copy(frozen.head, Lock()))

    ours, theirs = operate(head, looked().image, operation), operate(looked().model, looked().image, operation)

    assert torch.equal(ours.before.logits, theirs.before.logits)
    assert torch.equal(ours.after.logits, theirs.after.logits)
    assert theirs.changed.any()


def test_it_opens_and_its_sentence_is_the_operation(page: AppTest) -> None:
    said = run(page)

    target = target_of(page)
    scene = photograph().scene
    assert scene is not None
    assert (target.y, target.x) == region_pixel(scene)
    for words in expected_words(directly(Centre(), target)):
        assert words in said
    assert (
        "When scenes-rsp4 takes each cell’s own position alone at steps 76, 65, 54 and 43, without retraining, " in said
    )
    captions = [as_read(caption.value) for caption in page.caption]
    assert "Of scenes-rsp4, live: all weight on the centre at steps 76, 65, 54 and 43." in captions
    assert page.button_group(key="surgery_steps").value == ["76", "65", "54", "43"]
    assert page.selectbox(key="surgery_model").options == ["right: scenes-rsp4"]
    assert len(page.get("plotly_chart")) == 4


@pytest.mark.parametrize(
    ("link", "operation"),
    [
        ({"surgery_edit": "equal weights", "surgery_steps": "54"}, Uniform(steps="step54")),
        ({"surgery_edit": "temperature", "surgery_temperature": "0.5"}, Temperature(0.5)),
        (
            {"surgery_edit": "zero at some positions", "surgery_positions": "upper half", "surgery_steps": "43"},
            ZeroNeighbours(tuple((y, x) for y in (-3, -2, -1) for x in range(-3, 4)), steps="step43"),
        ),
        (
            {"surgery_edit": "without context (no retraining)", "surgery_steps": "65"},
            ZeroNeighbours("all", renormalise=False, steps="step65"),
        ),
    ],
    ids=["equal", "temperature", "zero", "without context"],
)
def test_operation_steps_and_amount_are_chosen(page: AppTest, link: dict[str, str], operation: Operation) -> None:
    said = run(page, **link)

    for words in expected_words(directly(operation, target_of(page))):
        assert words in said


@pytest.mark.usefixtures("one_thread")  # weights that differ in any bit are counted
@pytest.mark.parametrize("place", ["region at the pixel", "pixel"])
def test_the_place_is_chosen(page: AppTest, place: str) -> None:
    said = run(page, surgery_edit="equal weights", surgery_where=place, pixel="150,40")

    labels = directly(Centre()).before.labels.numpy()
    where = (150, 40) if place == "pixel" else connected_region(labels, (150, 40)).mask
    result = directly(Uniform(where=where), target_of(page))
    assert goes(result) in said
    table = tables(page)[3]
    for step, change in result.weights.items():
        assert table.loc[step.removeprefix("step")]["cells changed"] == f"{change.changed:,} of {change.cells:,}"


def test_prediction_and_reaction_add_up_to_the_live_change(page: AppTest) -> None:
    run(page, surgery_edit="equal weights", surgery_steps="65")

    target, frozen = target_of(page), looked().frozen
    live = directly(Uniform(steps="step65"), target)
    predicted = predicted_change(frozen, edited_weights(frozen, Uniform(steps="step65")), target)
    rows = tables(page)[2]["logits"]
    assert live.after.target_value is not None
    assert live.before.target_value is not None
    change = live.after.target_value - live.before.target_value
    words = aligned((change, predicted, change - predicted), sign=True, least=2)
    assert list(rows) == words
    assert list(rows.index) == ["live: lower steps react", "predicted: all else held", "reaction of lower steps"]
    assert abs(change - predicted) > 1e-3
    assert dict(tables(page)[3]["edited"]) == {"76": "lies above", "65": "yes", "54": "reacts", "43": "reacts"}


def test_iou_is_that_of_the_label_map(page: AppTest) -> None:
    run(page, surgery_edit="equal weights")

    result, shown, folded = directly(Uniform()), tables(page)[1], page.dataframe[0].value
    table = pd.concat([shown, folded])
    before, after = result.before.iou, result.after.iou
    assert before is not None
    assert after is not None
    for column, values in (("before", before), ("after", after)):
        mean = mean_iou(values)
        assert mean is not None
        assert table.loc["mean"][column] == f"{100 * mean:.1f} %"
        road = values[CITYSCAPES.index("road")]
        assert road is not None
        assert table.loc["road"][column] == f"{100 * road:.1f} %"
    known = {name for name, *values in zip(CITYSCAPES.classes, before, after, strict=True) if values != [None, None]}
    assert set(table.index) == {"mean", *known}
    assert shown.index[0] == "mean"
    assert len(known) < len(CITYSCAPES.classes)
    changes = table["change, points"].str.replace("−", "-").replace("–", "0")
    moved = {name: abs(float(row.removeprefix("< "))) for name, row in changes.items()}
    assert min(moved[name] for name in shown.index[1:]) >= max(moved[name] for name in folded.index)


def test_an_edit_is_undone(page: AppTest) -> None:
    first = run(page)
    other = run(page)
    assert other == first
    page.selectbox(key="surgery_edit").select("equal weights")
    edited = run(page)
    assert edited != first

    page.button(key="undo").click()

    assert run(page) == first
    assert page.button(key="undo").disabled


def test_an_image_without_labels_has_no_iou(page: AppTest, upload_png: bytes) -> None:
    run(page, source="Your image")
    page.file_uploader(key="upload").upload("street.png", upload_png, "image/png")

    run(page)

    assert any("no label map in this model’s classes" in caption.value for caption in page.caption)


def test_an_image_without_a_labelled_pixel_has_no_iou(
    page: AppTest, small_camvid: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    void = np.full((96, 128), 11, np.uint8)
    Image.fromarray(void).save(small_camvid / "valannot" / "val_1.png")
    monkeypatch.setenv("CAMVID_ROOT", str(small_camvid))

    said = run(page, source="CamVid", file="val/val_1")

    assert "camvid-rsp4" in said
    assert any("no pixel of the image is labelled" in caption.value for caption in page.caption)


def test_classes_that_changed_most_come_first_and_those_without_iou_are_left_out() -> None:
    classes = [("car", (0.5, 0.4)), ("mean", (0.2, 0.6)), ("bus", (None, None)), ("sky", (None, 0.0))]

    assert _changed_first(classes) == [classes[1], classes[0], classes[3]]


def test_a_new_pixel_reads_the_same_answer(page: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    run(page)
    monkeypatch.setattr(Segmenter, "forward", lambda *_: pytest.fail("a new pixel ran a network"))
    monkeypatch.setattr(edits, "run_surgery", lambda *_, **__: pytest.fail("a new pixel ran an edit"))
    page.number_input(key="typed_y").set_value(30)

    said = run(page)

    for words in expected_words(directly(Centre(), target_of(page))):
        assert words in said


def test_no_edit_runs_the_encoder(page: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    run(page)
    monkeypatch.setattr(FeaturePyramid, "forward", lambda *_: pytest.fail("an edit ran the encoder"))
    page.segmented_control(key="surgery_where").set_value("region at the pixel")
    page.selectbox(key="surgery_edit").select("shuffle within each window")

    assert "selects shuffled places of each window at steps 76, 65, 54 and 43 in the region" in run(page)


def test_nothing_left_to_scale_is_an_error_with_a_remedy(page: AppTest) -> None:
    said = run(page, surgery_edit="zero at some positions", surgery_positions="all")
    assert "This operation cannot be done here." in said
    assert "keep more positions" in page.error[0].value

    page.toggle(key="surgery_renormalise").set_value(False)
    said = run(page)

    assert not page.error
    assert "gives weight 0 to every position at steps" in said


def test_without_the_last_step_all_are_chosen_again(page: AppTest) -> None:
    said = run(page, surgery_steps="54")
    assert "at step 54, without retraining" in said
    page.button_group(key="surgery_steps").set_value([])

    assert "at steps 76, 65, 54 and 43, without" in run(page)
    assert page.button_group(key="surgery_steps").value == ["76", "65", "54", "43"]


def test_a_transplant_needs_weights_that_fit(page: AppTest) -> None:
    run(page, surgery_edit="transplant from the other model")
    assert "scenes-baseline has no relation" in page.error[0].value
    assert "choose a model with such relations on the left" in page.error[0].value

    page.selectbox(key="left").select("scenes-rsp4")
    said = run(page)

    # Its own weights put in their own place change nothing.
    assert "no label changes" in said
    assert not page.error
    assert page.selectbox(key="surgery_model").options == ["right: scenes-rsp4", "left: scenes-rsp4"]


def test_without_any_relation_it_says_what_to_choose(page: AppTest) -> None:
    said = run(page, right="scenes-baseline")

    assert "There are no relation weights" in said
    assert "Choose a model with an RSP head" in page.info[0].value


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("surgery_edit", "amputate", "as the sum baseline"),
        ("surgery_where", "everywhere", "Choose one of: whole image"),
        ("surgery_steps", "32", "Choose one of: 76, 65"),
        ("surgery_model", "left", "Choose one of: right"),
    ],
)
def test_a_stale_link_says_what_to_choose_instead(page: AppTest, name: str, value: str, says: str) -> None:
    run(page, **{name: value})

    assert len(page.warning) == 1
    assert says in page.warning[0].value


OWN = """
import torch
from torch import nn

import rsp_lab as rl

NAMES = rl.scenes.SceneSplit.table.classes


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.patches, self.attend = nn.Conv2d(3, 16, 16, 16), nn.MultiheadAttention(16, 4, batch_first=True)
        self.behind, self.last = nn.Conv2d(16, 16, 1), nn.Conv2d(16, len(NAMES), 1)

    def forward(self, x):
        found = self.patches(x)
        tokens = found.flatten(2).transpose(1, 2)
        tokens = tokens + self.attend(3 * tokens, 3 * tokens, tokens)[0]
        return self.last(self.behind(tokens.transpose(1, 2).reshape(found.shape)).relu())


def made(cut):
    torch.manual_seed(0)
    return rl.adapt(Net().eval(), class_names=NAMES, cut=cut)


def looking():
    return made(("patches",))


def looked():
    return made(("behind",))
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Subject]:
    """Networks of another make, with the cut in front of their attention and behind it."""
    file = tmp_path / "own.py"
    file.write_text(OWN)
    monkeypatch.setenv("RSP_LAB_MODELS", str(file))
    found = {name: load_any(f"{file}:{name}") for name in ("looking", "looked")}
    return {name: one for name, one in found.items() if isinstance(one, Subject)}


@pytest.mark.parametrize(
    ("link", "operation"),
    [
        ({}, Uniform(steps="attend")),
        ({"surgery_head": "head 2"}, Uniform(steps="attend", heads=(2,))),
        ({"surgery_attention": "weight 0 on every key", "surgery_layer": "all layers"}, ZeroKeys()),
        (
            {"surgery_attention": "temperature", "surgery_temperature": "0.5", "surgery_where": "pixel"},
            Temperature(0.5, steps="attend", where=(132, 278)),
        ),
        ({"surgery_attention": "shuffle among the keys", "surgery_seed": "3"}, Shuffle(3, steps="attend")),
    ],
)
def test_attention_of_a_network_of_another_make_is_edited(
    page: AppTest, own: dict[str, Subject], link: dict[str, str], operation: Operation
) -> None:
    said = run(page, right="looking", pixel="132,278", surgery_model="right: looking", **link)

    result = operate(own["looking"], photograph().sample.image, operation, target=target_of(page))
    assert "When looking " in said
    for words in expected_words(result):
        assert words in said
    live, predicted, reaction = (_number(value) for value in tables(page)[2]["logits"])
    account = run_surgery(own["looking"], photograph().sample.image, operation).account(target_of(page))
    assert live == pytest.approx(account.change, abs=0.005 + 0.005 * abs(account.change))
    assert predicted == pytest.approx(account.predicted.total, abs=0.005 + 0.005 * abs(account.predicted.total))
    assert reaction == pytest.approx(account.reaction, abs=0.01 + 0.01 * abs(account.reaction))


def test_what_cannot_be_held_is_said_and_the_live_change_stands(page: AppTest, own: dict[str, Subject]) -> None:
    said = run(page, right="looked", surgery_model="right: looked")

    result = operate(own["looked"], photograph().sample.image, Uniform(steps="attend"), target=target_of(page))
    for words in expected_words(result):
        assert words in said
    assert list(tables(page)[2].index) == ["live: what lies behind reacts"]
    captions = " ".join(as_read(caption.value) for caption in page.caption)
    assert "Not predicted: the weights of 'attend' are not held by themselves" in captions


def test_levels_are_taken_away_in_both_models(page: AppTest, own: dict[str, Subject]) -> None:
    run(page, left="looking", right="scenes-rsp4")

    target, found_tables = target_of(page), tables(page)[-2:]
    strides = knock_out_levels(own["looking"], photograph().sample.image, target).strides
    for model, table in zip((own["looking"], looked().model), found_tables, strict=True):
        found = knock_out_levels(model, photograph().sample.image, target)
        # Both tables name a level alike, by the strides of whichever model has no levels by number.
        assert list(table.index) == [level_name(x, strides) for x in reversed(found.levels)]
        for one, live in zip(reversed(found.levels.values()), table["live"], strict=True):
            assert _number(live) == pytest.approx(one.live, abs=0.005 + 0.005 * abs(one.live))
    assert list(found_tables[0].index) == ["level 4 (stride 16)"]


def _number(text: str) -> float:
    return float(as_read(text).replace("−", "-").removeprefix("< "))


def test_every_edit_has_an_operation_that_names_it() -> None:
    for name in edits.PRESETS:
        operation = edits.PRESETS[name](("step54",))
        assert name.removesuffix(" (no retraining)") in operation.describe()
        assert "(no retraining)" in name
        assert "step54" in replace(operation, where=(1, 2)).describe()


def test_every_edit_has_words_that_say_what_the_model_does() -> None:
    words = [edits.Edit(1, name, ("step54",), edits.Place.PIXEL).does for name in edits.EditName]
    assert len(set(words)) == len(words)
    zero = [
        edits.Edit(1, edits.EditName.ZERO, ("step54",), edits.Place.WHOLE, positions=positions).does
        for positions in edits.Positions
    ]
    assert "gives weight 0 to the left half of each window" in zero
    assert len(set(zero)) == len(zero)


@pytest.mark.parametrize(("name", "count"), [("outer ring", 24), ("left half", 21), ("lower half", 21)])
def test_positions_are_those_that_are_named(name: str, count: int) -> None:
    found = edits.offsets_of(edits.Positions(name), 3)

    assert len(found) == count
    assert (0, 0) not in found
    assert ((0, -3) in found) == (name != "lower half")
    assert ((3, 0) in found) == (name != "left half")


def test_the_edge_of_a_mask_is_white_inside_and_black_outside() -> None:
    mask = torch.zeros(5, 7, dtype=torch.bool)
    mask[1:4, 4:7] = True

    edged = _edged(np.full((5, 7, 3), 90, np.uint8), mask)[..., 0]

    # The mask meets the right side of the picture, where it has no edge, and nothing comes round to the left side.
    assert edged.tolist() == [
        [90, 90, 90, 90, 0, 0, 0],
        [90, 90, 90, 0, 255, 255, 255],
        [90, 90, 90, 0, 255, 90, 90],
        [90, 90, 90, 0, 255, 255, 255],
        [90, 90, 90, 90, 0, 0, 0],
    ]


def test_the_legend_escapes_names() -> None:
    result = directly(Uniform())
    renamed = replace(result, class_names=("<b>road", *result.class_names[1:]))
    assert "<b>road" in as_read(legend(renamed, CITYSCAPES))
    assert "<b>road" not in legend(renamed, CITYSCAPES)
