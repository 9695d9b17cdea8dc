"""Two models on one image: what each says at a pixel, and where its relations look."""

from __future__ import annotations

import contextlib
import html

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app import cache, sources, state
from app.details import channel_options, chosen_channel, draw_answers, draw_disagreements, draw_flow, draw_relations
from app.viewer import draw_pin, draw_viewer
from rsp_lab.analysis.compare import Comparison, assemble, check_comparable
from rsp_lab.analysis.view import ModelView

_ROW = '<div class="rsp-skeleton" aria-hidden="true">{}</div>'
SKELETON = _ROW.format("<i></i>" * 2) + _ROW.format("<i></i>" * 4)
Models = tuple[cache.LoadedModel, cache.LoadedModel]
Views = tuple[ModelView, ModelView]
DEFAULT_LEFT, DEFAULT_RIGHT = "camvid-baseline", "camvid-rsp4"


@st.fragment
def draw_workbench() -> None:
    # What a rerun has not replaced yet stays as it is; only a page without any view starts from a placeholder.
    top = st.container() if "drawn" in st.session_state else st.container().empty()
    places = st.container(key="selectors").columns([1.15, 1.5, 1.6, 1.6, 0.85, 0.85], vertical_alignment="bottom")
    notices = st.container(key="notices")
    for stale in stale_link():
        notices.warning(stale)
    with places[0]:
        source = sources.choose_source()
    with places[2]:
        left = choose_model("Left model", "left", DEFAULT_LEFT)
    with places[3]:
        right = choose_model("Right model", "right", DEFAULT_RIGHT)
    try:
        with places[1]:
            shown = sources.choose_image(source)
        if shown is None:
            draw_sentence(top, "Two models, one image: choose a photograph to compare them on.")
            notices.info(sources.describe_empty(source))
            return
        with notices:
            loaded, views = computed(left, right, shown, top)
    except ValueError as problem:
        draw_sentence(top, "This selection cannot be shown.")
        notices.error(str(problem))
        return
    with notices:
        result = looked_at(loaded, views, shown)
    type_pixel(result, places[4], places[5])
    draw_sentence(top, result.sentence(), pixel_note(result, loaded, source))
    payload = cache.payload_of(shown, loaded, views)
    draw_viewer(payload)
    st.session_state["drawn"] = True
    draw_below(result)
    draw_pin(payload, result.pixel)


def stale_link() -> list[str]:
    names = cache.model_names()
    scenes = tuple(map(str, range(sources.LAST_SCENE + 1)))
    options = {"source": sources.SOURCES, "left": names, "right": names, "scene": scenes}
    if st.query_params.get("file"):
        # Without the folder the source itself says what is missing.
        with contextlib.suppress(ValueError):
            options["file"] = sources.camvid_names()
    return state.stale_choices(options)


def choose_model(label: str, key: str, default: str) -> str:
    names = cache.model_names()
    index = names.index(default) if default in names else 0
    return st.selectbox(label, names, index=index, key=key, bind="query-params")


def computed(left: str, right: str, shown: cache.Photograph, top: DeltaGenerator) -> tuple[Models, Views]:
    """Both models and their views; what takes a while says what it is.

    Raises:
        ValueError: if a model cannot be used, or both cannot be compared.
    """
    skeleton = st.empty()
    # A page that shows a view already keeps it until the next one is there.
    if "drawn" not in st.session_state:
        draw_sentence(top, "Two models look at one image.")
        skeleton.html(SKELETON)
    try:
        with st.spinner("Loading the models", show_time=True):
            loaded = cache.loaded_model(left), cache.loaded_model(right)
        check_comparable((loaded[0].model, loaded[1].model), (left, right))
        views = []
        for number, model in enumerate(loaded, 1):
            text = f"Model {number} of 2: {model.name} looks at {shown.size[0]} x {shown.size[1]} pixels"
            with st.spinner(text, show_time=True):
                views.append(cache.view_of(model, shown))
    finally:
        skeleton.empty()
    return loaded, (views[0], views[1])


def looked_at(loaded: Models, views: Views, shown: cache.Photograph) -> Comparison:
    """The comparison at the link's pixel and channel; what the link asks for in vain is said."""
    pixel, problem = state.pixel_in_link(shown.size)
    models = loaded[0].model, loaded[1].model
    channels = min(model.config.head.channels for model in models)
    for text in [problem, *state.stale_choices({"channel": channel_options(channels)})]:
        if text:
            st.warning(text)
    return assemble(shown.sample.image, models, views, pixel=pixel, channel=chosen_channel(channels))


def type_pixel(result: Comparison, at_y: DeltaGenerator, at_x: DeltaGenerator) -> None:
    """The two number fields show the selected pixel, and set it."""
    for place, name, value, size in zip((at_y, at_x), "yx", result.pixel, result.image_size, strict=True):
        key = f"typed_{name}"
        st.session_state[key] = value
        place.number_input(f"Pixel {name}", 0, size - 1, key=key, on_change=state.set_typed_pixel)


def pixel_note(result: Comparison, loaded: Models, source: str) -> str:
    notes = [] if result.pixel_rule == "given" else [f"Shown is the {result.pixel_rule}."]
    trained_on = sorted({model.data for model in loaded if model.data} - {"scenes"})
    if source == sources.SCENE and trained_on:
        notes.append(f"Trained on {', '.join(trained_on)}: a drawn scene is unlike that, so read the labels with care.")
    return " ".join(notes)


def draw_sentence(place: DeltaGenerator, sentence: str, note: str = "") -> None:
    quiet = f'<span class="rsp-quiet"> {html.escape(note)}</span>' if note else ""
    place.html(f'<p class="rsp-sentence" role="heading" aria-level="1">{html.escape(sentence)}{quiet}</p>')


def draw_below(result: Comparison) -> None:
    first, second, third = st.columns([1.1, 1.1, 0.9], gap="medium")
    with first:
        draw_answers(result)
    with second:
        draw_relations(result)
    with third:
        draw_disagreements(result)
    draw_flow(result)


draw_workbench()
