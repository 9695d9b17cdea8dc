"""Attribution: which pixels of the photograph a decision rests on, by captum, and whether the map is true."""

from __future__ import annotations

import pandas as pd
import streamlit as st
from torch import Tensor

from app.app_pages.attribution import charts
from app.app_pages.attribution.results import CELL, SEEDS, STEPS, Request, attributions, choices_of, curves, held
from app.charts.negative_hatch import HATCHED
from app.charts.on_image import photograph_uri
from app.charts.theme import draw as draw_chart
from app.shell.choices import choose, control_columns, select
from app.shell.heading import Heading
from app.shell.progress import may_start
from app.shell.scenes import knows_region, outlined
from app.shell.selection import SIDES, Selection
from app.shell.terms import draw_terms
from app.shell.text import draw_table, escape
from rsp_lab.analysis.attribution.attribute import Attribution, reliability_warning
from rsp_lab.analysis.attribution.interface import find_method
from rsp_lab.analysis.attribution.mass import half_radius, zone_shares
from rsp_lab.analysis.attribution.methods import METHODS
from rsp_lab.analysis.attribution.references import REFERENCES
from rsp_lab.analysis.faithfulness.at_input import Faithfulness
from rsp_lab.analysis.faithfulness.curves import LEAST_CHANGE, Spread
from rsp_lab.data.scenes.scene import Scene
from rsp_lab.palette import OUTLINE_WORDS
from rsp_lab.text import fixed, percent, signed, significant

OVER, MAP = "over the image", "alone"
NOT_GIVEN = "not given"
REGION, CUE, DECOY = "region", "cue", "decoy"

MEASURES = f"""
- **What a map says** differs by method. {"; ".join(f"**{method.title}**: {method.rule}" for method in METHODS)}.
- **Reference**: what takes the place of what is taken away: the image blurred by a sixteenth of its shorter side,
  black, or its mean colour. It decides much of the result: try another one.
- **Residual** of integrated gradients: how far the pixels’ sum is from the change of the target, over that change (or
  over 1 logit where it is smaller). More steps make it smaller.
- **Replaced, put back** (deletion and insertion): blocks of {CELL} x {CELL} pixels are replaced by the reference, or
  put back on it, in the order of the map, in {STEPS} steps. If the map is true to the model, the target falls
  early in the one and rises early in the other. The mean is over the share from 0 to 1, by trapezoids.
- **Random orders**: {SEEDS} orders drawn by lot, their median and range. Such images are unlike any photograph, so a
  curve says something only beside them.
- **Normalised**: (mean − reference) / (image − reference); not given where the image raises the target by less than
  {LEAST_CHANGE} logits over the reference.
- **Half of the mass**: radius of the circle around the pixel that holds half of the map’s absolute mass.
- **Share of mass** on cue, decoy and region: of the positive values alone; an even map gets the share of the area.
"""


def draw(selection: Selection, heading: Heading) -> None:
    request, over = choose_request(selection, heading)
    what = f"{_capital(request.title)} of both models at y {selection.target.y}, x {selection.target.x}"
    try:
        if not ready(selection, request, "map", what, "Work out the maps"):
            heading.write(f"The maps of {request.title} are not worked out: they were stopped.")
            return
        maps = attributions(selection, heading, request, what)
    except ValueError as problem:
        heading.write("This attribution cannot be worked out here.")
        st.error(escape(str(problem)))
        return
    heading.write(*sentence(selection, request, maps))
    draw_maps(selection, maps, over)
    draw_known(selection, maps)
    draw_faithfulness(selection, heading, request, maps)
    with st.popover("What these measures are"):
        st.markdown(MEASURES)


def choose_request(selection: Selection, heading: Heading) -> tuple[Request, bool]:
    """The page's controls: the method, what belongs to it, the reference, and how maps are drawn."""
    titles = {_capital(method.title): method.name for method in METHODS}
    first, second, third, fourth = control_columns([1.4, 1.4, 1.3, 1.3])
    name = titles[select(heading, first, "Method", "attribution_method", tuple(titles))]
    settings = []
    for one in choices_of(selection, name):
        values = {str(value): value for value in one.values}
        chosen = select(heading, second, one.label, f"attribution_{one.setting}", tuple(values))
        settings.append((one.setting, values[chosen]))
    # A method without a reference image leaves it to deletion and insertion alone.
    label = "Reference" if find_method(name, METHODS).relative_to is None else "Reference of the test"
    reference = choose(heading, third, label, "attribution_reference", REFERENCES)
    drawn = choose(heading, fourth, "Drawn", "attribution_drawn", (OVER, MAP))
    return Request(name, reference, tuple(settings)), drawn == OVER


def ready(selection: Selection, request: Request, what: str, text: str, label: str) -> bool:
    """Whether to go on: not where the reader stopped this very work, until its button is pressed."""
    return held(selection, request, what) or may_start(text, label, f"attribution-go-{what}")


def _capital(title: str) -> str:
    return title[0].upper() + title[1:]


def sentence(selection: Selection, request: Request, maps: tuple[Attribution, Attribution]) -> tuple[str, str]:
    """How far each model looks by its map, or on a scene how much of it lies on the cue, and whether that is reliable.

    With a quiet note.
    """
    said, note = _looks(selection, request, maps)
    warning = reliability_warning(dict(zip(reversed(selection.names), reversed(maps), strict=True)))
    return (f"{said} {warning}." if warning else said), note


def _looks(selection: Selection, request: Request, maps: tuple[Attribution, Attribution]) -> tuple[str, str]:
    target = selection.target
    margin = f"{target.class_name} over {target.rival}" if target.rival else str(target.class_name)
    head = f"For {margin} at y {target.y}, x {target.x}, by {request.title}"
    sides = list(zip(reversed(selection.names), reversed(maps), strict=True))
    scene = selection.shown.scene
    if scene is not None and asks_the_scene(selection, scene):
        zones = outlined(scene)
        shares = {name: zone_shares(attribution.values, zones) for name, attribution in sides}
        parts = [f"{percent(share[CUE])} for {name}" for name, share in shares.items() if share is not None]
        if parts:
            even = f"An even map would have {percent(float(zones[CUE].double().mean()))} there."
            return f"{head} the share of the positive mass on the cue is {', '.join(parts)}.", even
    radii = {name: half_radius(attribution.values, (target.y, target.x)) for name, attribution in sides}
    parts = [f"within {radius:.3g} px for {name}" for name, radius in radii.items() if radius is not None]
    if not parts:
        return f"{head} no pixel changes the target: the maps are 0 everywhere.", ""
    return f"{head} half of the mass lies {', '.join(parts)}.", ""


def asks_the_scene(selection: Selection, scene: Scene) -> bool:
    """Whether the target is what the cue decides: in the region, its class over that of the other reading."""
    ambiguity, target = scene.ambiguities[0], selection.target
    if not knows_region(selection.loaded[0]):
        return False
    names = {selection.class_names[ambiguity.class_id], selection.class_names[ambiguity.alternative_id]}
    return bool(ambiguity.region[target.y, target.x]) and {target.class_name, target.rival} == names


def draw_maps(selection: Selection, maps: tuple[Attribution, Attribution], over: bool) -> None:
    """Both maps on one scale, each with what it promises."""
    end, ground, pixel = charts.scale_of(maps), photograph_uri(selection), selection.result.pixel
    scene = selection.shown.scene
    outlines = {} if scene is None else {name: mask for name, mask in outlined(scene).items() if mask.any()}
    for side, name, attribution, place in zip(SIDES, selection.names, maps, st.columns(2), strict=True):
        with place:
            st.markdown(f"**{escape(name)}** ({side}): {signed(attribution.target_value)} logits")
            draw_chart(charts.map_chart(attribution, end, pixel, ground, over, outlines), f"attribution-map-{side}")
            if warning := reliability_warning({"": attribution}):
                st.markdown(f"**{escape(warning)}.**")
            st.caption(f"{escape(_promise(attribution))} {_mass(attribution, selection)}")
    cell = charts.drawn_cell(maps[0].image_size)
    method = maps[0].method
    how, unit = "the sum" if method.additive else "the mean", method.unit_of("cell")
    lines = f" Outlined: {'; '.join(OUTLINE_WORDS[zone] for zone in outlines)}." if outlines else ""
    st.caption(
        f"A cell is {how} over {cell} x {cell} pixels. Red speaks for the target, blue against it, and "
        f"{HATCHED}; scale ±{significant(end)} {unit}, the same left and right; up to "
        f"{100 * (1 - charts.SHARE):.1g} % of cells lie beyond it.{lines} {escape(selection.chosen)}."
    )


def _promise(attribution: Attribution) -> str:
    """What the values add up to, and by how much they miss it."""
    if attribution.residual is not None:
        assert attribution.reference_value is not None
        total = float(attribution.values.sum())
        change = attribution.target_value - attribution.reference_value
        return (
            f"The pixels add up to {signed(total)} logits; from the reference ({attribution.reference}) to the image "
            f"the target changes by {signed(change)}: residual {attribution.residual:.2g}."
        )
    if attribution.regions:
        first = attribution.regions[:3]
        effects = ", ".join(f"{region.name} {signed(region.effect)}" for region in first)
        return f"Fall of the target in logits, each of {len(attribution.regions)} regions replaced alone: {effects}."
    settings = {name.replace("_", " "): value for name, value in attribution.settings.items() if name != "passes"}
    words = ", ".join([_capital(attribution.unit), *(f"{name} {value}" for name, value in settings.items())])
    reference = attribution.reference
    referred = "it has no reference" if reference == "none" else f"its reference is {reference}"
    return f"{words}. This method’s contributions need not add up; {referred}."


def _mass(attribution: Attribution, selection: Selection) -> str:
    radius = half_radius(attribution.values, (selection.target.y, selection.target.x))
    return "" if radius is None else f"Half of the mass: within {radius:.3g} px of the pixel."


def draw_known(selection: Selection, maps: tuple[Attribution, Attribution]) -> None:
    """On a drawn scene: how much of each map's positive mass lies on cue, decoys and region."""
    scene = selection.shown.scene
    if scene is None:
        return
    zones = {name: mask for name, mask in outlined(scene).items() if mask.any()}
    zones["elsewhere"] = ~_union(zones)
    shares = [zone_shares(attribution.values, zones) for attribution in maps]
    st.markdown("##### Share of the positive mass on cue, decoy and region")
    order = [name for name in (CUE, DECOY, REGION, "elsewhere") if name in zones]
    rows = {
        name: {
            "area": percent(float(zones[name].double().mean())),
            **{
                f"{model} ({side})": "–" if share is None else percent(share[name])
                for side, model, share in zip(SIDES, selection.names, shares, strict=True)
            },
        }
        for name in order
    }
    draw_table(pd.DataFrame(rows).T)
    asks = asks_the_scene(selection, scene)
    first = (
        "The cue decides this target, decoys look like it, the region’s own pixels cannot tell."
        if asks
        else "The cue decides the region’s two classes; this target is another one, so the cue need not matter."
    )
    st.caption(f"{first} Area: what an even map would have.")


def _union(zones: dict[str, Tensor]) -> Tensor:
    first, *others = zones.values()
    together = first.clone()
    for mask in others:
        together |= mask
    return together


def draw_faithfulness(
    selection: Selection, heading: Heading, request: Request, maps: tuple[Attribution, Attribution]
) -> None:
    """Deletion and insertion of both models beside random orders."""
    st.markdown("##### Is the map true to the model?")
    text = f"Replacing in the order of {request.title}, at y {selection.target.y}, x {selection.target.x}"
    if not ready(selection, request, "curves", text, "Measure faithfulness"):
        st.caption("Not measured: it was stopped.")
        return
    both = curves(selection, heading, request, maps, text)
    ends = charts.value_range(both)
    for side, name, faithfulness, place in zip(SIDES, selection.names, both, st.columns(2), strict=True):
        with place:
            st.markdown(f"**{escape(name)}** ({side}): {_verdict(faithfulness)}")
            draw_chart(charts.curves_chart(faithfulness, ends), f"attribution-curves-{side}")
    st.caption(
        f"Share of {both[0].blocks:,} blocks of {both[0].cell} x {both[0].cell} pixels replaced by the reference "
        f"({both[0].reference}), or put back on it, first those that the map ranks first; the target in logits. Grey: "
        f"{_orders(both[0])}."
    )
    rows = [row for side, faithfulness in zip(SIDES, both, strict=True) for row in _rows(side, faithfulness)]
    draw_table(pd.DataFrame(rows).set_index(""))
    if any(row["normalised"] == NOT_GIVEN for row in rows):
        st.caption(
            f"{NOT_GIVEN}: the image raises the target by less than {LEAST_CHANGE} logits over the reference, so that "
            "there is nothing to divide by."
        )
    draw_terms("deletion, insertion", "attribution residual", "half of the mass")


def _orders(faithfulness: Faithfulness) -> str:
    count = len(faithfulness.control.seeds)
    return f"{count} random order{'s' if count > 1 else ''}"


def _verdict(faithfulness: Faithfulness) -> str:
    """On one line, beside a model's name, in half of the page: the charts below stay level."""
    beats = faithfulness.beats_random
    if all(beats.values()):
        return "better than random, both ways"
    if not any(beats.values()):
        return "no better than random"
    return f"better than random only when {'replaced' if beats['deletion'] else 'put back'}"


def _rows(side: str, faithfulness: Faithfulness) -> list[dict[str, str]]:
    ours, control = faithfulness.curves, faithfulness.control

    def row(what: str, mean: float, random: Spread, share: float | None, better: str) -> dict[str, str]:
        return {
            "": f"{side}, {what}",
            "mean, logits": significant(mean),
            "random: median": significant(random.median),
            "random: range": f"{significant(random.least)} to {significant(random.largest)}",
            "normalised": NOT_GIVEN if share is None else fixed(share),
            "better is": better,
        }

    return [
        row("replaced", ours.deletion_area, control.deletion_area, ours.normalised_deletion, "lower"),
        row("put back", ours.insertion_area, control.insertion_area, ours.normalised_insertion, "higher"),
    ]
