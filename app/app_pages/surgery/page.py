"""Surgery: relation weights edited in the running model, nothing retrained, and what becomes of its answer."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import streamlit as st

from app.app_pages.surgery import charts
from app.app_pages.surgery.edits import (
    PRESETS,
    Edit,
    EditName,
    Place,
    Positions,
    operation_of,
    place_key,
    place_of,
    run,
)
from app.charts.theme import draw as draw_chart
from app.shell.choices import choose, choose_number, select, settle
from app.shell.errors import REFUSED
from app.shell.heading import Heading
from app.shell.selection import SIDES, Selection
from app.shell.steps import no_relations
from app.shell.text import draw_table, escape
from app.store.results import results
from rsp_lab.analysis.metrics import mean_iou
from rsp_lab.analysis.surgery.account import SurgeryAccount, SurgeryRuns
from rsp_lab.analysis.surgery.operation import Where
from rsp_lab.analysis.surgery.operations import transplantable_steps
from rsp_lab.shapes import step_digits
from rsp_lab.text import percent, signed, significant

MEASURES = """
- **Nothing is retrained**: an edited model is the trained one, answering on context that it was never trained to get.
  A preset has the name of an ablation and is none.
- **Live**: the edited network runs from its Q maps on. A step below an edited one computes its weights from its own
  query and from keys of the edited map.
- **Predicted**: the ledger of the head with the edited weights minus the ledger with the captured ones, everything
  else held: queries, keys, the weights of all other steps, Q maps. It is exact for the **held** run, where the weights
  of the other steps are kept, and the distance to it is printed.
- **Reaction**: live minus predicted, what the weights of lower steps add because their keys changed.
- **Moved**: mean over the changed cells of half the sum of absolute differences of the weights; under softmax the
  share of a cell’s weight that went elsewhere.
- **IoU**: on this one image, against its label map, where its classes are the models’ own.
"""


def draw(selection: Selection, heading: Heading) -> None:
    sides = [side for side in (1, 0) if selection.passes[side].steps]
    if not sides:
        heading.write("There are no relation weights to operate on here.")
        st.info(escape(no_relations(selection)))
        return
    edit = choose_edit(selection, heading, sides)
    try:
        if edit.name == EditName.TRANSPLANT:
            edit = transplanted(selection, edit, chosen=bool(st.session_state.get("surgery_steps")))
        runs, account = worked_out(selection, heading, edit)
    except REFUSED as problem:
        heading.write("This operation cannot be done here.")
        st.error(escape(str(problem)))
        return
    name = selection.names[edit.side]
    heading.write(sentence(selection, edit, runs, account), "Nothing is retrained.")
    draw_pictures(selection, edit, runs)
    first, second, third = st.columns([1.15, 1.1, 0.9], gap="medium")
    with first:
        draw_margin(selection, account)
        draw_iou(runs)
    with second:
        draw_prediction(account)
    with third:
        draw_weights(runs, name)
    with st.popover("What these measures are"):
        st.markdown(MEASURES)


def choose_edit(selection: Selection, heading: Heading, sides: list[int]) -> Edit:
    """The page's controls; the model edited is the right one where both have relations."""
    first, second, third, fourth = st.columns([1.25, 1.7, 1.1, 1.75], vertical_alignment="bottom")
    options = [SIDES[side] for side in sides]
    words = {SIDES[side]: f"{SIDES[side]}: {selection.names[side]}" for side in sides}
    model = select(heading, first, "Model edited", "surgery_model", options, words=words)
    name = select(heading, second, "Operation", "surgery_edit", tuple(EditName))
    side = SIDES.index(model)
    steps = selection.passes[side].steps
    known = [step_digits(step) for step in steps]
    settle(heading, "surgery_steps", known)
    chosen = third.pills(
        "Steps (none: all)", known, selection_mode="multi", key="surgery_steps", bind="query-params", wrap=False
    )
    place = choose(heading, fourth, "Where", "surgery_where", tuple(Place))
    # In the order of the steps, so that one choice has one result.
    asked = tuple(step for step in steps if step_digits(step) in chosen) or steps
    return _detailed(heading, Edit(side, name, asked, place))


def _detailed(heading: Heading, edit: Edit) -> Edit:
    """The same with the fields of the operations that have any."""
    if edit.name not in (EditName.ZERO, EditName.TEMPERATURE, EditName.SHUFFLE):
        return edit
    first, second, _ = st.columns([1.25, 1.7, 2.85], vertical_alignment="bottom")
    if edit.name == EditName.ZERO:
        positions = select(heading, first, "Positions set to 0", "surgery_positions", tuple(Positions))
        scaled = second.toggle("Scale the rest to sum to 1", True, key="surgery_renormalise", bind="query-params")
        return replace(edit, positions=positions, renormalise=scaled)
    if edit.name == EditName.TEMPERATURE:
        label = "Temperature: below 1 sharpens, above 1 flattens"
        ends = (0.05, 20.0)
        temperature = choose_number(heading, second, label, "surgery_temperature", ends, 2.0, step=0.05)
        return replace(edit, temperature=temperature)
    return replace(edit, seed=choose_number(heading, first, "Seed", "surgery_seed", (0, 9999), 0))


def transplanted(selection: Selection, edit: Edit, *, chosen: bool) -> Edit:
    """A transplant at the steps that fit, unless the reader named steps.

    Raises:
        ValueError: if no step fits.
    """
    fitting = transplantable_steps(*(selection.passes[side].head for side in (edit.side, 1 - edit.side)))
    if not fitting:
        other, this = selection.names[1 - edit.side], selection.names[edit.side]
        raise ValueError(
            f"{other} has no relation of {this}’s window and size, so there are no weights to transplant: choose a "
            f"model with such relations on the {SIDES[1 - edit.side]}, e.g. {this} itself, or another operation."
        )
    return edit if chosen else replace(edit, steps=fitting)


def worked_out(selection: Selection, heading: Heading, edit: Edit) -> tuple[SurgeryRuns, SurgeryAccount]:
    """The edited model's answer and the margin's account; both kept."""
    where = place_of(selection, edit.place)
    operation = operation_of(selection, edit, where)
    key = selection.key(("surgery", edit, place_key(where)))

    def work() -> SurgeryRuns:
        with heading.spinner(f"{selection.names[edit.side]} runs edited"):
            return run(selection, edit, operation)

    runs = results().get(key, work)
    account = results().get((key, selection.target), lambda: runs.account(selection.target))
    return runs, account


def sentence(selection: Selection, edit: Edit, runs: SurgeryRuns, account: SurgeryAccount) -> str:
    """What the edit does to the labels and to the decision at the pixel."""
    changed = float(runs.live.changed.double().mean())
    target, name = selection.target, selection.names[edit.side]
    labels = f"{100 * changed:.3g} % of the labels change" if changed else "no label changes"
    steps = ", ".join(step_digits(step) for step in edit.steps)
    where = {Place.WHOLE: "on the whole image", Place.REGION: "in the region", Place.PIXEL: "at the pixel"}[edit.place]
    margin = f"{target.class_name} over {target.rival}" if target.rival else str(target.class_name)
    return (
        f"With {name} {_words(edit)} at step{'s' if len(edit.steps) > 1 else ''} {steps} {where}, {labels}; at "
        f"y {target.y}, x {target.x} {margin} goes from {signed(account.before)} to {signed(account.after)} logits."
    )


def _words(edit: Edit) -> str:
    if edit.name in PRESETS:
        return edit.name
    return {
        EditName.ZERO: f"given weight 0 on {edit.positions}",
        EditName.TEMPERATURE: f"at temperature {edit.temperature:g}",
        EditName.SHUFFLE: "choosing shuffled places of its windows",
        EditName.TRANSPLANT: "given the other model’s weights",
    }.get(edit.name, f"given {edit.name}")


def draw_pictures(selection: Selection, edit: Edit, runs: SurgeryRuns) -> None:
    """Labels before and after, and the pixels that changed."""
    table, pixel, live = selection.loaded[edit.side].table, selection.result.pixel, runs.live
    where: Where = None if runs.live.operations[0].where is None else live.where
    mask = where if not isinstance(where, tuple) else None
    pictures = (
        ("before", charts.label_figure(live.before.labels, table, mask, pixel)),
        ("after", charts.label_figure(live.after.labels, table, mask, pixel)),
        ("changed pixels", charts.changed_figure(live, selection.shown.sample.image, table, mask, pixel)),
    )
    for (name, figure), place in zip(pictures, st.columns(3), strict=True):
        with place:
            st.markdown(f"**{escape(selection.names[edit.side])}**, {name}")
            draw_chart(figure, f"surgery-{name.partition(' ')[0]}")
    st.html(charts.legend(live, table))
    inside, outside = live.changed_inside, live.changed_outside
    shares = (
        ""
        if inside is None or outside is None
        else (
            f" Labels changed on {100 * inside:.3g} % of the edited pixels and on {100 * outside:.3g} % of the others;"
            " the white line on black is the edge of the edited pixels."
        )
    )
    st.caption(f"Changed pixels have the colour of their new label; shares are of the image.{shares}")


def draw_margin(selection: Selection, account: SurgeryAccount) -> None:
    """Logits of class and rival at the pixel, and the margin."""
    target = selection.target
    st.markdown(f"##### Logits at y {target.y}, x {target.x}")
    rows = [(name, *pair) for name, pair in account.class_values.items()]
    if target.rival:
        rows.append(("margin", account.before, account.after))
    table = [
        {"": name, "before": significant(before), "after": significant(after), "change": signed(after - before)}
        for name, before, after in rows
    ]
    draw_table(pd.DataFrame(table).set_index(""))
    st.caption(f"{escape(selection.chosen)}.")


def draw_prediction(account: SurgeryAccount) -> None:
    """The live change beside the ledger's prediction with everything else held."""
    st.markdown("##### Change of the margin, in logits")
    rows = {
        "live: lower steps react": signed(account.change),
        "predicted: all else held": signed(account.predicted.total),
        "reaction of lower steps": signed(account.reaction),
    }
    draw_table(pd.DataFrame({"logits": rows}))
    st.caption(
        f"The prediction is off by {account.deviation:.1g} logits from a run with the other steps’ weights held."
    )
    draw_chart(charts.levels_figure(account.predicted), "surgery-levels")


def draw_weights(runs: SurgeryRuns, name: str) -> None:
    """What became of the weights, step by step."""
    st.markdown("##### Weights")
    rows = [
        {
            "step": step_digits(step),
            "edited": "yes" if change.edited else "reacts",
            "cells changed": f"{change.changed:,} of {change.cells:,}",
            "moved": f"{100 * change.moved:.3g} %",
        }
        for step, change in runs.live.weights.items()
    ]
    draw_table(pd.DataFrame(rows).set_index("step"))
    st.caption(f"Of {escape(name)}, live: {escape(runs.live.operations[0].describe())}.")


def draw_iou(runs: SurgeryRuns) -> None:
    """Intersection over union before and after, where the image has labels in the model's classes."""
    st.markdown("##### IoU on this image")
    before, after = runs.live.before.iou, runs.live.after.iou
    if before is None or after is None:
        st.caption("Not known: the image has no label map in this model’s classes.")
        return
    means = mean_iou(before), mean_iou(after)
    columns = {"mean": means, **dict(zip(runs.live.class_names, zip(before, after, strict=True), strict=True))}
    rows = {
        name: {"before": percent(pair[0]), "after": percent(pair[1]), "change, points": _points(*pair)}
        for name, pair in columns.items()
        if pair != (None, None)
    }
    draw_table(pd.DataFrame(rows).T)


def _points(before: float | None, after: float | None) -> str:
    return signed(None if before is None or after is None else 100 * (after - before))
