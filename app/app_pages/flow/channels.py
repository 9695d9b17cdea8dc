"""The context flow of one channel at all levels, and which channel: ranked by a stated rule, chosen by a click."""

from __future__ import annotations

from typing import Literal

import streamlit as st

from app.app_pages.flow.charts import flow_chart, flow_scales
from app.charts.theme import draw as draw_chart
from app.shell.choices import choose
from app.shell.heading import Heading
from app.shell.link import BY_RULE, channel_options
from app.shell.selection import SIDES, Selection
from app.shell.text import draw_head, escape
from app.store.results import results
from rsp_lab.analysis.comparison.channels import ChannelRanking
from rsp_lab.analysis.comparison.compare import flow_channels
from rsp_lab.text import fixed, significant

By = Literal["selectivity", "difference"]
RANKED_BY: dict[str, By] = {"class selectivity": "selectivity", "difference between models": "difference"}
LISTED = 10


def draw_flow(selection: Selection, heading: Heading) -> None:
    """Both models' maps level by level, same channel, same scale."""
    result, chosen = selection.result, selection.result.flow_channel
    st.markdown("##### Context flow, level by level")
    first, second, third = st.columns([1, 2.6, 3.4], vertical_alignment="bottom")
    channels = min(next(iter(view.flow)).fused.shape[0] for view in selection.views)
    first.selectbox("Channel", channel_options(channels), key="channel", bind="query-params")
    by = RANKED_BY[choose(heading, second, "Best channels by", "channel_by", tuple(RANKED_BY))]
    third.caption(
        f"Channel {chosen.channel} of both models. Red is above 0, blue and hatched below, and 0 has the page's "
        "colour; ± is the scale of a row, the same on both sides. Values are feature values and have no unit."
    )
    _list_channels(selection, by)
    flows = result.left.flow, result.right.flow
    scales = flow_scales(flows, chosen.channel)
    for side, view, place in zip(SIDES, (result.left, result.right), st.columns(2), strict=True):
        with place:
            draw_head(view.name, side)
            figure = flow_chart(view.flow, chosen.channel, scales)
            draw_chart(figure, f"flow-{side}")


def ranking_of(selection: Selection, by: By) -> ChannelRanking:
    """Channels ranked for the class that is explained.

    Raises:
        ValueError: if the heads have different numbers of channels.
    """
    name = str(selection.target.class_name)
    return results().get(
        selection.key(("channels", name, by)),
        lambda: flow_channels(selection.views, selection.class_names, name, by),
    )


def _list_channels(selection: Selection, by: By) -> None:
    """A button for each of the best channels, and why they are."""
    try:
        ranking = ranking_of(selection, by)
    except ValueError:
        st.caption("The heads have different numbers of channels, so that no channel can be ranked for both.")
        return
    row = st.container(horizontal=True, gap="small", vertical_alignment="center")
    shown = selection.result.flow_channel.channel
    for one in ranking.channels[:LISTED]:
        row.button(
            f"{one.channel} ({fixed(one.score)})",
            key=f"channel-{by}-{one.channel}",
            type="primary" if one.channel == shown else "secondary",
            on_click=_set_channel,
            args=(one.channel,),
            help=f"Shows channel {one.channel}. Left {significant(one.left)}, right {significant(one.right)}.",
        )
    with row.popover("The rule"):
        chosen = selection.result.flow_channel
        st.markdown(f"In brackets the score of a channel; first comes {escape(ranking.rule)}.")
        if chosen.left is None:
            st.markdown("The channel shown was chosen by hand.")
        else:
            st.markdown(
                f"The channel shown was chosen {BY_RULE}: {escape(chosen.rule)}. The measure is "
                f"{significant(chosen.left)} in the left model and {significant(chosen.right)} in the right one."
            )
        st.markdown("Channels of separately trained models need not mean the same thing.")


def _set_channel(channel: int) -> None:
    st.session_state["channel"] = str(channel)
