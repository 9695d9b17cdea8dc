"""Two models on one image: what each says at a pixel, and where its relations look."""

from __future__ import annotations

import contextlib
import html

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app import cache, planted, sources, state
from app.details import channel_options, chosen_channel, draw_answers, draw_disagreements, draw_flow, draw_relations
from app.viewer import draw_pin, draw_viewer
from rsp_lab.analysis.compare import Comparison, assemble, check_comparable
from rsp_lab.analysis.view import ModelView

_ROW = '<div class="rsp-skeleton" aria-hidden="true">{}</div>'
SKELETON = _ROW.format("<i></i>" * 2) + _ROW.format("<i></i>" * 4)
Models = tuple[cache.LoadedModel, cache.LoadedModel]
Views = tuple[ModelView, ModelView]
WIDTHS = 1.3, 1.6, 1.6, 1.6, 0.85, 0.85
# Data sets of drawn scenes, as weights name what they were trained on.
DRAWN = {"scenes", "small-scenes"}


@st.fragment
def draw_workbench() -> None:
    # What a rerun has not replaced yet stays as it is; only a page without any view starts from a placeholder.
    top = st.container() if "drawn" in st.session_state else st.container().empty()
    selectors = st.container(key="selectors")
    places = selectors.columns(WIDTHS)
    notices = st.container(key="notices")
    for stale in stale_link():
        notices.warning(stale)
    with places[0]:
        source = sources.choose_source()
    left, right = choose_models(source, places[2], places[3])
    try:
        if source == sources.SCENE:
            shown: cache.Photograph | None = planted.choose_planted(places[1], *selectors.columns(WIDTHS)[:3])
        else:
            with places[1]:
                shown = sources.choose_photograph(source)
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
    draw_words(top, result, loaded, shown)
    outlined = planted.outlined(shown.planted) if shown.planted is not None else None
    payload = cache.payload_of(shown, loaded, views, outlined)
    draw_viewer(payload)
    st.session_state["drawn"] = True
    draw_below(result)
    draw_pin(payload, result.pixel)


def stale_link() -> list[str]:
    names = cache.model_names()
    options = {"source": sources.SOURCES, "left": names, "right": names, **planted.link_options()}
    if st.query_params.get("file"):
        # Without the folder the source itself says what is missing.
        with contextlib.suppress(ValueError):
            options["file"] = sources.camvid_names()
    return state.stale_choices(options)


def choose_models(source: str, *places: DeltaGenerator) -> tuple[str, str]:
    """Left and right; a source that nobody chose models for starts with those trained on such images."""
    names, chosen = cache.model_names(), []
    for place, side, default in zip(places, ("left", "right"), sources.PAIRS[source], strict=True):
        index = names.index(default) if default in names else 0
        label = f"{side.capitalize()} model"
        chosen.append(place.selectbox(label, names, index=index, key=side, bind="query-params"))
    return chosen[0], chosen[1]


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
    if pixel is None and shown.planted is not None:
        pixel = planted.region_pixel(shown.planted)
    return assemble(shown.sample.image, models, views, pixel=pixel, channel=chosen_channel(channels))


def type_pixel(result: Comparison, at_y: DeltaGenerator, at_x: DeltaGenerator) -> None:
    """The two number fields show the selected pixel, and set it."""
    for place, name, value, size in zip((at_y, at_x), "yx", result.pixel, result.image_size, strict=True):
        key = f"typed_{name}"
        st.session_state[key] = value
        place.number_input(f"Pixel {name}", 0, size - 1, key=key, on_change=state.set_typed_pixel)


def draw_words(top: DeltaGenerator, result: Comparison, loaded: Models, shown: cache.Photograph) -> None:
    """First what is known of a planted region, then what both models say at the pixel."""
    note = " ".join(filter(None, (pixel_note(result, shown), data_note(loaded, shown))))
    scene = shown.planted
    if scene is not None and planted.knows_region(loaded[0]):
        region = planted.region_sentence(scene, (result.left, result.right)), planted.cue_note(scene)
        draw_sentence(top, *region, below=(result.sentence(), note))
    else:
        hint = "" if scene is None else "Models of Cityscapes' classes, such as scenes-rsp4, answer for its region too."
        draw_sentence(top, result.sentence(), f"{note} {hint}".strip())


def pixel_note(result: Comparison, shown: cache.Photograph) -> str:
    if "pixel" in st.query_params:
        return ""
    return f"Shown is the {'region’s innermost pixel' if shown.planted is not None else result.pixel_rule}."


def data_note(loaded: Models, shown: cache.Photograph) -> str:
    """What the models were trained on, if the image is not of that kind."""
    trained_on = {model.data for model in loaded if model.data}
    if shown.planted is not None and trained_on - DRAWN:
        names = ", ".join(sorted(trained_on - DRAWN))
        return f"Trained on {names}: a drawn scene is unlike that, so read the labels with care."
    if shown.planted is None and trained_on & DRAWN:
        return "Trained on drawn scenes: a photograph is unlike them, so read the labels with care."
    return ""


def draw_sentence(place: DeltaGenerator, sentence: str, note: str = "", below: tuple[str, str] = ("", "")) -> None:
    """The page's first sentence with a quiet note, and a second line of the same make below it."""
    first, second = (_with_note(*line) for line in ((sentence, note), below))
    second = f'<p class="rsp-second">{second}</p>' if second else ""
    place.html(f'<p class="rsp-sentence" role="heading" aria-level="1">{first}</p>{second}')


def _with_note(text: str, note: str) -> str:
    return html.escape(text) + (f'<span class="rsp-quiet"> {html.escape(note)}</span>' if note else "")


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
