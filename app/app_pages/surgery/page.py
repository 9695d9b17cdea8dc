"""Surgery: weights of relations or of attention edited in the running model, levels taken away; nothing retrained."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app.app_pages.surgery import attention, charts, knock_outs
from app.app_pages.surgery.attention import AttentionEdit
from app.app_pages.surgery.edits import (
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
from app.shell.choices import choose, choose_number, control_columns, select, settle
from app.shell.errors import REFUSED
from app.shell.heading import Heading
from app.shell.selection import SIDES, Selection
from app.shell.steps import no_relations
from app.shell.text import draw_table, escape
from app.store.results import results
from rsp_lab.analysis.metrics import mean_iou
from rsp_lab.analysis.surgery.account import SurgeryAccount, SurgeryRuns
from rsp_lab.analysis.surgery.operate import SurgeryResult
from rsp_lab.analysis.surgery.operation import Where
from rsp_lab.analysis.surgery.operations import transplantable_steps
from rsp_lab.analysis.targets.target import PixelTarget, target_value
from rsp_lab.shapes import step_digits
from rsp_lab.text import aligned, percent, significant

_NOTHING = """
- **Nothing is retrained**: an edited model is the trained one, answering on context that it was never trained to get.
"""
_OF_RELATIONS = """
- A preset has the name of an ablation and is none.
- **Live**: the edited network runs from its Q maps on. A step below an edited one computes its weights from its own
  query and from keys of the edited map.
- **Predicted**: the ledger of the head with the edited weights minus the ledger with the captured ones, everything
  else held: queries, keys, the weights of all other steps, Q maps. It is exact for the **held** run, where the weights
  of the other steps are kept, and the distance to it is printed.
- **Reaction**: live minus predicted, what the weights of lower steps add because their keys changed.
"""
_OF_ATTENTION = """
- **Live**: the network runs with the edited weights, and all that lies behind them answers to it.
- **Predicted**: the ledger with the edited weights minus the ledger as it is, all gates held, for layers behind the
  maps that the network’s ledger is made in. Of others it is not known; the page says so.
- **Reaction**: live minus predicted, what the gates behind the edited layers add.
- **Weight 0 on every key**: the cells where it acts take nothing from anywhere in this layer.
"""
_REST = """
- **Moved**: mean over the changed cells of half the sum of absolute differences of the weights; under softmax the
  share of a cell’s weight that went elsewhere.
- **IoU**: on this one image, against its label map, where its classes are the models’ own.
"""


SHOWN_CLASSES = 5
"""Whose IoU is shown beside the mean: those that changed most."""
AnyEdit = Edit | AttentionEdit
Pair = tuple[float | None, float | None]
"""Before and after."""


@dataclass(frozen=True, eq=False)
class Found:
    """What an edit came to at the target.

    Attributes:
        live: the edited network, which reacts.
        values: logits of class and rival before and after, each alone.
        before, after: the target's value, in logits.
        account: with all else held; None where that cannot be.
        not_held: why not; empty where it can.
    """

    live: SurgeryResult
    values: dict[str, tuple[float, float]]
    before: float
    after: float
    account: SurgeryAccount | None
    not_held: str


def draw(selection: Selection, heading: Heading) -> None:
    editable = [side for side in (1, 0) if selection.passes[side].steps or attention.layers_of(selection, side)]
    if editable:
        draw_edit(selection, heading, editable)
    else:
        what = "relation weights" if not any(selection.foreign) else "weights of relations or of attention"
        heading.write(f"There are no {what} to operate on here.")
        st.info(escape(no_weights(selection)))
    knock_outs.draw_knock_outs(selection, heading)
    kinds = [_OF_ATTENTION if selection.foreign[side] else _OF_RELATIONS for side in editable]
    parts = [_NOTHING, *dict.fromkeys(kinds), _REST if editable else "", knock_outs.MEASURES]
    with st.popover("What these measures are"):
        st.markdown("\n".join(part.strip() for part in parts if part))


def no_weights(selection: Selection) -> str:
    """Why there is nothing to edit."""
    if not any(selection.foreign):
        return no_relations(selection)
    return f"{no_relations(selection)} Of a network of another make attention is edited too, where it has any."


def draw_edit(selection: Selection, heading: Heading, sides: list[int]) -> None:
    """The controls of an edit, and what it came to."""
    edit = choose_edit(selection, heading, sides)
    try:
        if isinstance(edit, Edit) and edit.name == EditName.TRANSPLANT:
            edit = transplanted(selection, edit, chosen=edit.steps != selection.passes[edit.side].steps)
        found = worked_out(selection, heading, edit)
    except REFUSED as problem:
        heading.write("This operation cannot be done here.")
        st.error(escape(str(problem)))
        return
    heading.write(sentence(selection, edit, found))
    draw_pictures(selection, edit, found.live)
    first, second, third = st.columns([1.15, 1.1, 0.9], gap="medium")
    with first:
        draw_margin(selection, found)
        draw_iou(found.live)
    with second:
        draw_prediction(selection, edit, found)
    with third:
        draw_weights(selection, edit, found.live)


def choose_edit(selection: Selection, heading: Heading, sides: list[int]) -> AnyEdit:
    """The page's controls; the model edited is the right one where both have weights to edit."""
    options = [SIDES[side] for side in sides]
    words = {SIDES[side]: f"{SIDES[side]}: {selection.names[side]}" for side in sides}
    foreign = selection.foreign[SIDES.index(_chosen_model(options, words))]
    widths = [1.25, 6.35] if foreign else [1.25, 1.7, 1.1, 1.75]
    first, *places = control_columns(widths)
    model = select(heading, first, "Model edited", "surgery_model", options, words=words)
    side = SIDES.index(model)
    if selection.foreign[side]:
        with places[0]:
            return attention.choose_attention(selection, heading, side)
    return choose_relations(selection, heading, side, places)


def _chosen_model(options: Sequence[str], words: dict[str, str]) -> str:
    """What the choice of the model is going to be, before it is drawn: the controls beside it depend on it."""
    chosen = st.session_state.get("surgery_model")
    linked = next((one for one in options if words[one] == st.query_params.get("surgery_model")), None)
    return str(chosen) if chosen in options else linked or options[0]


def choose_relations(selection: Selection, heading: Heading, side: int, places: Sequence[DeltaGenerator]) -> Edit:
    """Operation, steps and place of a model of ours."""
    second, third, fourth = places
    name = select(heading, second, "Operation", "surgery_edit", tuple(EditName))
    steps = selection.passes[side].steps
    known = [step_digits(step) for step in steps]
    settle(heading, "surgery_steps", known)
    if st.session_state.get("surgery_steps") == []:
        # An edit is of one step at least: without the last one all are chosen again.
        st.session_state["surgery_steps"] = known
    chosen = third.pills(
        "Steps",
        known,
        selection_mode="multi",
        default=known,
        key="surgery_steps",
        bind="query-params",
        wrap=False,
        help="Those that are edited.",
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
    """A transplant at the steps that fit, unless the reader chose some of the steps.

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


def worked_out(selection: Selection, heading: Heading, edit: AnyEdit) -> Found:
    """The edited model's answer and the margin's account; both kept."""
    where, target = place_of(selection, edit.place), selection.target
    key = selection.key(("surgery", edit, place_key(where)))

    def work() -> tuple[SurgeryResult, SurgeryRuns | None, str]:
        with heading.spinner(f"{selection.names[edit.side]} runs edited"):
            if isinstance(edit, AttentionEdit):
                return attention.run(selection, edit, attention.operation_of(edit, where))
            runs = run(selection, edit, operation_of(selection, edit, where))
            return runs.live, runs, ""

    live, runs, not_held = results().get(key, work)
    account = None if runs is None else results().get((key, target), lambda: runs.account(target))
    values = {}
    for name in filter(None, (target.class_name, target.rival)):
        values[name] = _values(selection, live, replace(target, class_name=name, rival=None, plain_logit=True))
    return Found(live, values, *_values(selection, live, target), account, not_held)


def _values(selection: Selection, live: SurgeryResult, target: PixelTarget) -> tuple[float, float]:
    """Before and after."""
    before, after = (
        target_value(one.logits[0], target, selection.shown.size, selection.class_names)
        for one in (live.before, live.after)
    )
    return before, after


def sentence(selection: Selection, edit: AnyEdit, found: Found) -> str:
    """What the edit does to the labels and to the decision at the pixel."""
    changed = float(found.live.changed.double().mean())
    target, name = selection.target, selection.names[edit.side]
    labels = f"{percent(changed)} of the labels change" if changed else "no label changes"
    before, after = aligned((found.before, found.after), sign=True)
    margin = f"{target.class_name} over {target.rival}" if target.rival else str(target.class_name)
    return (
        f"When {name} {edit.does} {edit.at}{edit.place.words}, without retraining, {labels}; at y {target.y}, "
        f"x {target.x} {margin} goes from {before} to {after} logits."
    )


def draw_pictures(selection: Selection, edit: AnyEdit, live: SurgeryResult) -> None:
    """Labels before and after, and the pixels that changed."""
    table, pixel = selection.loaded[edit.side].table, selection.result.pixel
    where: Where = None if live.operations[0].where is None else live.where
    mask = where if not isinstance(where, tuple) else None
    pictures = (
        ("before", charts.label_chart(live.before.labels, table, mask, pixel)),
        ("after", charts.label_chart(live.after.labels, table, mask, pixel)),
        ("changed pixels", charts.changed_chart(live, selection.shown.sample.image, table, mask, pixel)),
    )
    for (name, figure), place in zip(pictures, st.columns(3), strict=True):
        with place:
            st.markdown(f"**{escape(selection.names[edit.side])}**, {name}")
            draw_chart(figure, f"surgery-{name.partition(' ')[0]}")
    st.html(charts.legend(live, table))
    inside, outside = live.changed_inside, live.changed_outside
    shares = ""
    if inside is not None and outside is not None:
        edited, others = aligned((100 * inside, 100 * outside))
        shares = (
            f" Labels changed on {edited} % of the edited pixels and on {others} % of the others; the white line on "
            "black is the edge of the edited pixels."
        )
    st.caption(f"Changed pixels have the colour of their new label; shares are of the image.{shares}")


def draw_margin(selection: Selection, found: Found) -> None:
    """Logits of class and rival at the pixel, and the margin."""
    target = selection.target
    st.markdown(f"##### Logits at y {target.y}, x {target.x}")
    rows = [(name, *pair) for name, pair in found.values.items()]
    if target.rival:
        rows.append(("margin", found.before, found.after))
    before, after = [row[1] for row in rows], [row[2] for row in rows]
    changes = [new - old for old, new in zip(before, after, strict=True)]
    columns = {
        "before": aligned(before, least=2, beside=after),
        "after": aligned(after, least=2, beside=before),
        "change": aligned(changes, sign=True, least=2, beside=(*before, *after)),
    }
    draw_table(pd.DataFrame(columns, index=[row[0] for row in rows]))
    st.caption(f"{escape(selection.chosen)}.")


def draw_prediction(selection: Selection, edit: AnyEdit, found: Found) -> None:
    """The live change beside the ledger's prediction with everything else held."""
    st.markdown("##### Change of the margin, in logits")
    what = "lower steps" if isinstance(edit, Edit) else "what lies behind"
    changes = {f"live: {what} react{'' if isinstance(edit, Edit) else 's'}": found.after - found.before}
    account = found.account
    if account is not None:
        changes |= {"predicted: all else held": account.predicted.total, f"reaction of {what}": account.reaction}
    words = aligned(list(changes.values()), sign=True, least=2)
    draw_table(pd.DataFrame({"logits": words}, index=list(changes)))
    if account is None:
        st.caption(escape(f"Not predicted: {found.not_held}"))
        return
    others = "the other steps’ weights" if isinstance(edit, Edit) else "all gates"
    st.caption(f"The prediction is off by {significant(account.deviation, 1)} logits from a run with {others} held.")
    draw_chart(charts.levels_chart(account.predicted), "surgery-levels")


def draw_weights(selection: Selection, edit: AnyEdit, live: SurgeryResult) -> None:
    """What became of the weights, step by step, or layer by layer."""
    st.markdown("##### Weights")
    foreign = isinstance(edit, AttentionEdit)
    words = {one.name: one.words for one in attention.layers_of(selection, edit.side)} if foreign else {}
    where = "layer" if foreign else "step"
    changes = live.weights.values()
    # In the order in which the network works: what comes before all edits has nothing to react to.
    first = min(place for place, change in enumerate(changes) if change.edited)
    before = "lies in front" if foreign else "lies above"
    columns = {
        "edited": [
            "yes" if change.edited else before if place < first else "reacts" for place, change in enumerate(changes)
        ],
        "cells changed": [f"{change.changed:,} of {change.cells:,}" for change in changes],
        "moved": [f"{share} %" for share in aligned([100 * change.moved for change in changes])],
    }
    names = [words.get(step, step_digits(step)) for step in live.weights]
    draw_table(pd.DataFrame(columns, index=pd.Index(names, name=where)))
    done = f"{live.operations[0].what()} {edit.at}{edit.place.words}"
    st.caption(escape(f"Of {selection.names[edit.side]}, live: {done}."))


def draw_iou(live: SurgeryResult) -> None:
    """Intersection over union before and after, where the image has labels in the model's classes."""
    st.markdown("##### IoU on this image")
    old, new = live.before.iou, live.after.iou
    if old is None or new is None:
        st.caption("Not known: the image has no label map in this model’s classes.")
        return
    means = mean_iou(old), mean_iou(new)
    if means == (None, None):
        st.caption("Not known: no pixel of the image is labelled.")
        return
    # The mean comes first by its place: a class may have its name.
    pairs = [("mean", means), *_changed_first(zip(live.class_names, zip(old, new, strict=True), strict=True))]
    before, after = [pair[0] for _, pair in pairs], [pair[1] for _, pair in pairs]
    table = pd.DataFrame(
        {
            "before": _percents(before),
            "after": _percents(after),
            "change, points": aligned([_points(*pair) for _, pair in pairs], sign=True),
        },
        index=[name for name, _ in pairs],
    )
    draw_table(table.head(1 + SHOWN_CLASSES))
    if (rest := len(table) - 1 - SHOWN_CLASSES) > 0:
        with st.expander(f"The other {rest} classes"):
            st.dataframe(table.tail(rest), height="content")


def _changed_first(classes: Iterable[tuple[str, Pair]]) -> list[tuple[str, Pair]]:
    """The classes that occur or are predicted, by how much they changed."""
    known = [(name, pair) for name, pair in classes if pair != (None, None)]
    return sorted(known, key=lambda one: -abs(_points(*one[1]) or 0))


def _percents(shares: Sequence[float | None]) -> list[str]:
    words = aligned([None if share is None else 100 * share for share in shares])
    return [word if share is None else f"{word} %" for word, share in zip(words, shares, strict=True)]


def _points(before: float | None, after: float | None) -> float | None:
    return None if before is None or after is None else 100 * (after - before)
