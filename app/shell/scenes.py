"""Drawn scenes on the page: which one, where its parts are, and what both models answer for its region."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import streamlit as st
import torch
from scipy import ndimage
from streamlit.delta_generator import DeltaGenerator
from torch import Tensor

from app.shell.choices import choose_number, settle
from app.shell.heading import Heading
from app.shell.link import Pixel, forget_pixel
from app.shell.sources import PAIRS, Source
from app.shell.text import escape
from app.store.models import LoadedModel, Photograph, cached_pair, loaded_model, model_files
from rsp_lab.analysis.passes.view import ModelView
from rsp_lab.analysis.scenes.answers import region_answer
from rsp_lab.analysis.scenes.rates import OPENING_RULE, opening_case
from rsp_lab.data.labels import CITYSCAPES
from rsp_lab.data.scenes.dataset import FIRST_SEED
from rsp_lab.data.scenes.scene import CASES, LEAST, MIN_DISTANCE, Scene, draw_scene_pair, max_distance
from rsp_lab.models.segmenter import resize_logits

LAST_SCENE = 999
AS_DRAWN = "as drawn"
KEYS = "case", "scene", "reading", "distance"
"""Of the widgets here, and of what they add to a link."""
_CASE_HELP = (
    "Which two classes the region could have: its own pixels do not decide between them. The workbench opens on "
    f"{OPENING_RULE}; rates are those that the weights state."
)
_SCENE_HELP = (
    "Scenes are drawn by the program, the same ones on every machine. "
    f"Scene n has seed {FIRST_SEED['test']:,} + n: no shipped model was trained on it."
)
_DISTANCE_HELP = "From the region to the cue that decides its class, in pixels; as drawn: the scene's own distance."
_READING_HELP = "The counterfactual: another reading has the same pixels in the region, and another cue."


@cache
def distances_in(size: tuple[int, int]) -> tuple[str, ...]:
    """What may be chosen as the distance of the cue in scenes of a size (y, x)."""
    return (AS_DRAWN, *map(str, range(MIN_DISTANCE, max_distance(*size) + 1)))


@cache
def reading_names(case: str) -> tuple[str, str]:
    """The region's class in both readings of a case."""
    first, second = draw_scene_pair(0, *LEAST, case=case)
    return _class_names(first)[0], _class_names(second)[0]


def _class_names(scene: Scene) -> tuple[str, str]:
    """The region's class, and the one that it has in the other reading."""
    ambiguity = scene.ambiguities[0]
    return CITYSCAPES.classes[ambiguity.class_id], CITYSCAPES.classes[ambiguity.alternative_id]


def link_options() -> dict[str, tuple[str, ...]]:
    """What a link may ask of any drawn scene, by parameter; its number apart."""
    case = st.query_params.get("case")
    return {
        "case": tuple(CASES),
        "reading": reading_names(case if case in CASES else first_case()),
    }


def first_case() -> str:
    """The case that drawn scenes open with: by :data:`~rsp_lab.analysis.scenes.rates.OPENING_RULE`, of the models that
    they open with."""
    names = [name for name in PAIRS[Source.SCENE] if name in model_files()]
    return opening_case(loaded_model(name).rates for name in names)


def choose_scene(heading: Heading, size: tuple[int, int], *places: DeltaGenerator) -> Photograph:
    """Case, scene, reading and distance of the cue, each in its place, of a scene of a size (y, x)."""
    with places[0]:
        cases = tuple(CASES)
        case = st.selectbox(
            "Case",
            cases,
            index=cases.index(first_case()),
            key="case",
            bind="query-params",
            help=_CASE_HELP,
            on_change=_another_case,
        )
    ends = (0, LAST_SCENE)
    number = choose_number(heading, places[1], "Scene", "scene", ends, 0, help=_SCENE_HELP, on_change=forget_pixel)
    names = reading_names(case)
    with places[2]:
        reading = st.segmented_control(
            "Reading",
            (0, 1),
            format_func=lambda index: escape(names[index]),
            default=0,
            required=True,
            key="reading",
            bind="query-params",
            help=_READING_HELP,
            width="stretch",
        )
    distances = distances_in(size)
    settle(heading, "distance", distances)
    with places[3]:
        distance = st.select_slider(
            "Distance of the cue, px",
            distances,
            key="distance",
            bind="query-params",
            help=_DISTANCE_HELP,
            on_change=forget_pixel,
        )
    pixels = None if distance == AS_DRAWN else int(distance)
    return cached_pair(case, FIRST_SEED["test"] + number, pixels, size)[reading or 0]


def _another_case() -> None:
    """The readings of another case are other classes: it starts from the first."""
    forget_pixel()
    st.session_state["reading"] = 0


def region_pixel(scene: Scene) -> Pixel:
    """The pixel of the region that is farthest from its border."""
    region = scene.ambiguities[0].region
    depth = ndimage.distance_transform_cdt(torch.nn.functional.pad(region, (1, 1, 1, 1)).numpy())[1:-1, 1:-1]
    y, x = divmod(int(depth.argmax()), region.shape[1])
    return y, x


def outlined(scene: Scene) -> dict[str, Tensor]:
    """The masks that the page outlines, by what they are."""
    ambiguity = scene.ambiguities[0]
    decoys = torch.stack(ambiguity.decoys).any(0) if ambiguity.decoys else torch.zeros_like(ambiguity.cue)
    return {"region": ambiguity.region, "cue": ambiguity.cue, "decoy": decoys}


def knows_region(loaded: LoadedModel) -> bool:
    return loaded.table.name == CITYSCAPES.name


def region_sentence(scene: Scene, views: tuple[ModelView, ModelView]) -> str:
    """What each model answers for the region; the models have Cityscapes' classes."""
    ambiguity, (name, _) = scene.ambiguities[0], _class_names(scene)
    says = []
    for view in views:
        answer = region_answer(resize_logits(view.record["logits"], view.record.image_size)[0], scene)
        most = int(torch.from_numpy(view.labels)[ambiguity.region].bincount().argmax())
        sign = "−" if answer.margin < 0 else "+"
        says.append((f"{view.name} says {CITYSCAPES.classes[most]}", f"{sign}{abs(answer.margin):.3g}"))
    (left, first), (right, second) = says
    return f"The region is {name}: {left} (margin {first} logits), {right} ({second})."


def cue_note(scene: Scene) -> str:
    return f"Margin over {_class_names(scene)[1]}; cue {scene.ambiguities[0].distance:.3g} px away."


def rate_note(scene: Scene, loaded: Sequence[LoadedModel]) -> str:
    """How often the models are right in such scenes; empty where their weights do not say."""
    case = scene.ambiguities[0].case
    rates = {one.name: one.rates[case] for one in loaded if case in one.rates}
    if not rates:
        return ""
    if len(rates) == 2 and len(set(rates.values())) == 1:
        return f"Both models read {next(iter(rates.values()))} test readings of this case right."
    says = ", ".join(f"{name} {rate}" for name, rate in rates.items())
    return f"Test readings of this case that are read right: {says}."
