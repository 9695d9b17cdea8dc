"""The one line above every page that says image, models and question, the selectors behind it, and what is computed for
them."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from functools import partial

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app.shell import chip, history, link, scenes, sources
from app.shell.errors import REFUSED
from app.shell.export import draw_export
from app.shell.heading import Heading, draw_places, words_place
from app.shell.picker import draw_picker
from app.shell.selection import Selection, result_key
from app.shell.sources import Source
from app.shell.text import escape
from app.store import models as cache
from app.store.image_folders import file_names
from app.store.results import results
from app.store.side_by_side import Report, side_by_side
from app.store.user_models import user_problems
from rsp_lab.analysis.comparison.channels import ChannelChoice
from rsp_lab.analysis.comparison.compare import Comparison, assemble, flow_channels
from rsp_lab.analysis.comparison.disagreement import label_difference
from rsp_lab.analysis.comparison.explain import decision_target
from rsp_lab.analysis.passes.pair import check_comparable
from rsp_lab.analysis.passes.view import ModelView
from rsp_lab.analysis.targets.target import PixelTarget
from rsp_lab.models.segmenter import Segmenter

_ROW = '<div class="rsp-skeleton" aria-hidden="true">{}</div>'
SKELETON = _ROW.format("<i></i>" * 2) + _ROW.format("<i></i>" * 4)
Models = tuple[cache.LoadedModel, cache.LoadedModel]
Views = tuple[ModelView, ModelView]
# Data sets of drawn scenes, as weights name what they were trained on.
DRAWN = {"scenes", "small-scenes", "panoptic-scenes", "small-panoptic-scenes"}
AS_PREDICTED = "as predicted"
_CLASS_HELP = "Whose logit is explained; as predicted: what the right model says at the pixel."
_RIVAL_HELP = "Held against it; as predicted: what the left model says, or else the right model's runner-up."


def draw_frame() -> tuple[Selection, Heading] | None:
    """The selectors and the selection, or None where there is nothing to show yet, which the page then says."""
    words = words_place()
    # What a rerun has not replaced yet stays as it is; only a page without any view starts from a placeholder.
    top = words if "drawn" in st.session_state else words.empty()
    bar = chip.draw_bar()
    heading = draw_places(top)
    for problem in [*user_problems(), *stale_link()]:
        heading.warn(problem)
    # What follows from what: the source offers models, both decide how large a scene is drawn.
    image, models, question = (bar.selectors.container() for _ in range(3))
    first, second = image.columns(2)
    with first:
        source = sources.choose_source()
    left, right = choose_models(source, *models.columns(2))
    try:
        shown = choose_image(source, heading, second, image, (left, right))
        if shown is None:
            bar.say(chip.without_image(source, (left, right)))
            heading.write("Two models, one image: choose a photograph to compare them on.")
            st.info(escape(sources.describe_empty(source)))
            return None
        loaded, views = computed(left, right, shown, heading)
    except REFUSED as problem:
        bar.say(chip.without_image(source, (left, right)))
        heading.write("This selection cannot be shown.")
        st.error(escape(str(problem)))
        return None
    result = compared(loaded, views, shown, heading)
    places = question.columns([1.6, 1.6, 1, 1])
    target, chosen = choose_classes(result, heading, *places[:2])
    result = about_class(result, views, target)
    type_pixel(result, *places[2:])
    draw_picker()
    st.session_state["drawn"] = True
    heading = replace(heading, note=data_note(loaded, shown))
    selection = Selection(shown, loaded, views, result, target, chosen)
    bar.say(chip.of_selection(selection))
    history.record()
    history.draw_undo(bar.tools)
    draw_export(bar.tools, "; ".join(f"{kind} {text}" for kind, text in chip.parts_of(selection).items()))
    return selection, heading


def keep_choices() -> None:
    """On a page without selectors: what is chosen is not forgotten, as Streamlit would with widgets it does not see."""
    for key in ("source", "left", "right", "class", "rival", "file", "channel", *scenes.KEYS):
        if key in st.session_state:
            st.session_state[key] = st.session_state[key]


def choose_image(
    source: Source, heading: Heading, place: DeltaGenerator, below: DeltaGenerator, models: tuple[str, str]
) -> cache.Photograph | None:
    """The image that is chosen beside its source, and what belongs to a scene below both."""
    if source == Source.SCENE:
        return scenes.choose_scene(heading, cache.scene_size(models), place, *below.columns((0.8, 1.4, 1.4)))
    with place:
        return sources.choose_photograph(source)


def stale_link() -> list[str]:
    names = cache.model_names()
    options: dict[str, tuple[str, ...]] = {
        "source": tuple(Source),
        "left": names,
        "right": names,
        **scenes.link_options(),
    }
    folders = {str(source): data for source, data in sources.DATA.items()}
    source = st.query_params.get("source", "")
    if st.query_params.get("file") and source in folders:
        # Without the folder the source itself says what is missing.
        with contextlib.suppress(ValueError):
            options["file"] = file_names(folders[source])
    return link.stale_choices(options)


def choose_models(source: Source, *places: DeltaGenerator) -> tuple[str, str]:
    """Left and right; a source that nobody chose models for starts with those trained on such images."""
    names, chosen = cache.model_names(), []
    for place, side, default in zip(places, ("left", "right"), sources.PAIRS[source], strict=True):
        index = names.index(default) if default in names else 0
        label = f"{side.capitalize()} model"
        chosen.append(place.selectbox(label, names, index=index, key=side, bind="query-params"))
    return chosen[0], chosen[1]


def choose_classes(result: Comparison, heading: Heading, *places: DeltaGenerator) -> tuple[PixelTarget, str]:
    """The class that is explained, and its rival."""
    options, chosen = (AS_PREDICTED, *result.class_names), []
    for problem in link.stale_choices({"class": options, "rival": options}):
        heading.warn(problem)
    for place, name, text in zip(places, ("class", "rival"), (_CLASS_HELP, _RIVAL_HELP), strict=True):
        if st.session_state.get(name) not in (None, *options):
            del st.session_state[name]
        choice = place.selectbox(name.capitalize(), options, key=name, bind="query-params", help=text)
        chosen.append(None if choice == AS_PREDICTED else choice)
    if chosen[0] is not None and chosen[0] == chosen[1]:
        heading.warn(f"Class and rival are both {chosen[0]}, whose difference is 0. Shown instead: the default rival.")
        chosen[1] = None
    names = result.left.name, result.right.name
    return decision_target(result.pixel, result.answers, names, chosen[0], chosen[1])


def computed(left: str, right: str, shown: cache.Photograph, heading: Heading) -> tuple[Models, Views]:
    """Both models and their views; what takes a while says what it is.

    Raises:
        ValueError: if a model cannot be used, or both cannot be compared.
    """

    def view(model: cache.LoadedModel, _: Report) -> ModelView:
        return cache.view_of(model, shown)

    skeleton = st.container(key="skeleton").empty()
    # A page that shows a view already keeps it until the next one is there.
    if "drawn" not in st.session_state:
        heading.write("Two models look at one image.")
        skeleton.html(SKELETON)
    try:
        with heading.spinner("Loading the models"):
            loaded = cache.loaded_model(left), cache.loaded_model(right)
        check_comparable(loaded[0].model, loaded[1].model)
        _check_rivals(loaded)
        names = list(dict.fromkeys(model.name for model in loaded))
        look = "look" if len(names) > 1 else "looks"
        with heading.spinner(f"{' and '.join(names)} {look} at {shown.size[0]} x {shown.size[1]} pixels"):
            # A model that stands on both sides looks once.
            different = {model.identity: model for model in loaded}
            jobs = [partial(view, model) for model in different.values()]
            views = dict(zip(different, side_by_side(jobs), strict=True))
    finally:
        skeleton.empty()
    return loaded, (views[loaded[0].identity], views[loaded[1].identity])


def _check_rivals(loaded: Models) -> None:
    """Raises ValueError for models of a single class: every page asks about one class over another."""
    only, *others = loaded[0].model.class_names
    if not others:
        names = list(dict.fromkeys(model.name for model in loaded))
        know = "know" if len(names) > 1 else "knows"
        raise ValueError(
            f"{' and '.join(names)} {know} the class {only} alone, and none to hold against it. Choose models of two "
            "classes or more."
        )


def compared(loaded: Models, views: Views, shown: cache.Photograph, heading: Heading) -> Comparison:
    """The comparison at the link's pixel and channel; what the link asks for in vain is said."""
    pixel, problem = link.pixel_in_link(shown.size)
    models = loaded[0].model, loaded[1].model
    widths = {model.config.head.channels for model in models if isinstance(model, Segmenter)}
    flows = all(isinstance(model, Segmenter) for model in models)
    channels = min(widths, default=0)
    stale = link.stale_choices({"channel": link.channel_options(channels)}) if flows else []
    for text in [problem, *stale]:
        if text:
            heading.warn(text)
    if pixel is None and shown.scene is not None:
        pixel = scenes.region_pixel(shown.scene)
    channel = link.chosen_channel(channels) if flows else None
    if flows and channel is None and len(widths) > 1:
        # Channels of heads of different widths have no measure in common to be ranked by.
        channel = 0
    # No pixel changes where the label maps differ, and looking for it takes as long as all the rest.
    difference = results().get(
        result_key(shown, loaded, "label difference"),
        lambda: label_difference(views[0].labels, views[1].labels, models[0].class_names),
    )
    return assemble(shown.sample.image, models, views, difference=difference, pixel=pixel, channel=channel)


def about_class(result: Comparison, views: Views, target: PixelTarget) -> Comparison:
    """By rule, the channel of the flow is one that speaks about the class that is explained."""
    if result.channel is None or result.channel.left is None or target.class_name in (None, result.answers[1].label):
        return result
    ranking = flow_channels(views, result.class_names, str(target.class_name))
    best = ranking.channels[0]
    return replace(result, channel=ChannelChoice(best.channel, ranking.rule, best.left, best.right))


def type_pixel(result: Comparison, at_y: DeltaGenerator, at_x: DeltaGenerator) -> None:
    """The two number fields show the selected pixel, and set it."""
    for place, name, value, size in zip((at_y, at_x), "yx", result.pixel, result.image_size, strict=True):
        key = f"typed_{name}"
        st.session_state[key] = value
        place.number_input(f"Pixel {name}", 0, size - 1, key=key, on_change=link.set_typed_pixel)


def data_note(loaded: Models, shown: cache.Photograph) -> str:
    """What the models were trained on, if the image is not of that kind."""
    trained_on = {model.data for model in loaded if model.data}
    if shown.scene is not None and trained_on - DRAWN:
        names = ", ".join(sorted(trained_on - DRAWN))
        return f"Trained on {names}: a drawn scene is unlike that, so read the labels with care."
    if shown.scene is None and trained_on & DRAWN:
        return "Trained on drawn scenes: a photograph is unlike them, so read the labels with care."
    return ""
